#pragma once

#include <cstdint>
#include <vector>

namespace vitro {

// The attributes of the op kinds. Each struct lists its fields once, as visit(name, field) or, for
// a field that is left out of texts where it has its usual value, visit(name, field, usual); the
// printer, the plan reader and the plan writer share the list. The function of a family is in the
// op's name and no field. An axis below zero counts from the last one, -1.

using Ints = std::vector<int64_t>;
/// What a list of attributes is where it says nothing.
inline const Ints kNoInts;

}  // namespace vitro
