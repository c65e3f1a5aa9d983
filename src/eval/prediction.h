#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vitro/plan.h"

namespace vitro {

/// exp(x - max) / sum, in double precision.
std::vector<double> softmax(std::span<const float> logits);

/// Whether no value is infinite or NaN.
bool all_finite(std::span<const float> values);

/// Indices of the `count` largest values, largest first; equal ones by index, NaN last. Fewer when
/// there are fewer values.
std::vector<int64_t> top_indices(std::span<const float> values, int64_t count);

/// The text of a class for people; its id, or "class 7", when there is none.
std::string class_label(const Classifier& classifier, int64_t index);
/// The id of a class; empty when there is none.
std::string class_id(const Classifier& classifier, int64_t index);

}  // namespace vitro
