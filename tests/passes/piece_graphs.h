#pragma once

#include "passes/graphs.h"

namespace vitro::test {

Graph extents_as_factors();
Graph fills();
Graph squares();
Graph identities();
Graph tokens_between_maps();
Graph stream_of_maps();
Graph attention_block_of_tokens();
Graph clips();
Graph gelus();
Graph hard_activations();
Graph layer_norms();
Graph layer_norms_of_maps();
Graph layer_norm_weights();
Graph group_norms();
Graph batch_norm_behind_views();
Graph rows_of_attention();
Graph attention_of_slices();
Graph attention_of_maps();
Graph attention_of_windows();
Graph attention_with_bias();
Graph attention_of_five_axes();
Graph attention_of_three_linears();
Graph attention_of_interleaved_heads();

}  // namespace vitro::test
