#pragma once

#include "passes/graphs.h"

namespace vitro::test {

Graph channels_first();
Graph tokens_to_map();
Graph equal_nodes();
Graph kept_axes();
Graph bias_adds();
Graph halves();

}  // namespace vitro::test
