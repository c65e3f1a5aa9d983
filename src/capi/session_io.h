#pragma once

#include <span>
#include <vector>

#include "vitro/io.h"
#include "vitro/session.h"

namespace vitro::capi {

/// The inputs and outputs of a plan, in order.
std::vector<IoInfo> input_infos(const Plan& plan);
std::vector<IoInfo> output_infos(const Plan& plan);

/// Session::prepare(), run() and the allocating run() on any inputs and outputs. Throw
/// InvalidArgument for a wrong number, dtype or dims, and for memory that the backend cannot reach.
void prepare(const Session& session, std::span<const TensorView> inputs);
void run(const Session& session, std::span<const TensorView> inputs,
         std::span<const TensorView> outputs);
std::vector<Tensor> run(const Session& session, std::span<const Tensor> inputs);

}  // namespace vitro::capi
