#pragma once

#include "ir/graph.h"
#include "passes/quantization.h"
#include "vitro/image.h"

namespace vitro {

// A pass rewrites a valid graph in place into one that computes the same function at every input
// shape. It looks at structure alone, never at names; it is idempotent; it leaves no dead nodes.
// Weights are combined in double and stored as float32. A weight that other nodes read is copied,
// never changed. A rewrite is skipped when it would not be exact: a graph output or another reader
// needs the intermediate value, a weight is computed at run time or is not dense float32.

/// Float16 and BFloat16 -> Float32, but for inputs and outputs, which are cast. Not equal bit by
/// bit: nothing is rounded between.
void widen_halves(Graph& graph);

/// Integers that are known and the same at every shape -> constants; extents of reshape, slice,
/// expand and tile that are operands -> attributes, where these can say it (0 and -1 in reshape).
void fold_shapes(Graph& graph);

/// Element by element ops and views of small constants -> constants: factors that exporters compute
/// from extents. Functions of elements that are all the same -> a constant_of_shape of another
/// value.
void fold_scalars(Graph& graph);

/// pow(x, 2) -> x * x, which every backend multiplies quickly. Behind the patterns that know it as
/// a power.
void expand_squares(Graph& graph);

/// One row of a softmax, of a factor or of a product -> the softmax, factor or product of that row,
/// so that what computes it all keeps the readers that a pattern has: how much one token attends to
/// the others, beside an attention.
void take_rows_early(Graph& graph);

/// Ops that change nothing at any shape -> their operand: a slice of everything, a pad of nothing,
/// an expand to the same extents, a cast to the same type, a factor of 1, an addend of 0.
void drop_identities(Graph& graph);

/// Transposes move behind the ops that read them until they cancel: element by element, along one
/// axis, reductions, slices, reshapes that keep their axes apart. Those of axes of extent 1 become
/// views; views of views become one. Constants move their elements.
/// Views that make tokens [n, h * w, c] of maps [n, h, w, c] move in the same way.
void cancel_transposes(Graph& graph);

/// Transposes of views of transposes, of fixed extents, -> one transpose between two views, where
/// each axis of the views is a product of factors of the axes at the beginning: what cuts a map
/// into windows or patches in the exporter's layout, and puts it together again.
void compose_transposes(Graph& graph);

/// Equal nodes of equal operands, and equal small constants -> one.
void merge_equal(Graph& graph);

/// reshape(reduce{keep_dims}(x)), squeeze(...) -> reduce(x), where just its axes go.
void drop_kept_axes(Graph& graph);

/// add(f(x), constant [c]) -> f with that bias, f being a linear, conv or depthwise_conv2d without.
void fold_bias_add(Graph& graph);
/// clip from 0 up, max(x, 0) -> relu; min(relu(x), c) -> clip.
void fuse_clip(Graph& graph);

/// The pieces of gelu, gelu_tanh, silu, hard_sigmoid and hard_swish -> these, in whatever order
/// their products and sums are; constants may be written with six digits.
void fuse_activation(Graph& graph);

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) -> layer_norm(x), between transposes where the
/// axes are not the last ones.
void fuse_layer_norm(Graph& graph);

/// group_norm of one channel for each group, which views and transposes make of a map [n, c, ...]
/// and undo behind it -> group_norm of the map, between transposes.
void fuse_group_norm(Graph& graph);

/// mul and add of constants of the size of its axes -> weight and bias of layer_norm or group_norm.
void fold_norm_weights(Graph& graph);

/// add(x, depthwise_conv2d(x)) -> depthwise_conv2d(x) with 1 added to the centre tap. Needs stride
/// 1, an odd kernel and as much padding as keeps the extents.
void fold_depthwise_residual(Graph& graph);

/// mul(f(x), constant) -> f'(x), f being a linear, conv2d or depthwise_conv2d; reshapes,
/// reduce_mean and, for positive factors, reduce_max may lie between them.
void fold_layer_scale(Graph& graph);

/// reduce_mean(batch_norm(x)) -> batch_norm(reduce_mean(x)), when every other reader of the
/// batch_norm is one that fold_batch_norm() can fold it into.
void fold_pooled_batch_norm(Graph& graph);

/// batch_norm -> the conv2d, depthwise_conv2d or linear before it, or the linears after it. A
/// padded convolution after it cannot take it: the padding zeros are not normalised.
void fold_batch_norm(Graph& graph);

/// Weight and bias of layer_norm -> the linears that are its only readers.
void fold_layer_norm_affine(Graph& graph);

/// Bias of depthwise_conv2d -> bias of the linears that are its only readers.
void fold_depthwise_bias(Graph& graph);

/// softmax(q k^T) v -> attention, however q, k and v are moved into heads out of one value or of
/// the linears of one input (whose rows then become one linear), scaled and merged.
void fuse_attention(Graph& graph);

/// attention{scale} of a linear -> attention{1}, the query rows of the linear being scaled.
void fold_attention_scale(Graph& graph);

/// x + linear(attention(linear(layer_norm(x)))) -> attention_block(x), x being a map [n, h, w, c]
/// that views make tokens of, wherever they are.
void fuse_attention_block(Graph& graph);

/// x + linear(gelu(linear(x'))) with x' = x or layer_norm(x) -> mlp(x).
void fuse_mlp(Graph& graph);

/// x' + linear(depthwise_conv2d(linear(x'))) with x' = depthwise_conv2d(x) -> local_mixer(x).
void fuse_local_mixer(Graph& graph);

/// linear, conv of dequantize_linear(quantize_linear(x)) -> quantized_linear, quantized_conv of x,
/// when the rows of the weight are multiples of integers of 8 bits; a factor or addend of each
/// channel of x -> factors and offsets of its codes, where nothing is padded. A code may be another
/// one where x lies half-way between two.
void fuse_explicit_products(Graph& graph);

/// linear, conv -> quantized_linear, quantized_conv, for those that are named; but one of more
/// terms than a sum of integers holds stays as it is. Not exact. Runs before the blocks are fused.
/// Throws InvalidArgument when a name belongs to no product that has weights, when its channels are
/// not those of the product, or a factor is not positive.
void quantize_products(Graph& graph, const Quantization& inputs);

/// The matrices of products -> the same stored as bfloat16. Not exact, so it runs when it is asked
/// for.
void round_weights(Graph& graph);

/// The only input, float32 pictures [n, 3, h, w], becomes their pixels: uint8 [n, h, w, 3], whose
/// x / 255, mean and std are nodes of the graph from then on. Unlike other passes it changes what
/// the graph takes. Throws Unsupported, naming the input, for a model of something else.
void take_pixels(Graph& graph, const Preprocessing& preprocessing);

}  // namespace vitro
