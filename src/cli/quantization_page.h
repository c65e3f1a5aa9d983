#pragma once

#include <string>

#include "vitro/plan.h"

namespace vitro::cli {

/// The page of `inspect --quant --html`: for each product in 8 bits a histogram of its input with
/// the ends of its codes, the ten worst first. Needs no other file and no script.
std::string quantization_page(const Plan& plan, const std::string& model);

}  // namespace vitro::cli
