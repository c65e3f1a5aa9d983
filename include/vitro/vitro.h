#pragma once

/// Everything: build or load a Plan, make a Session of it, preprocess an image, run.
#include "vitro/build.h"
#include "vitro/dlpack.h"
#include "vitro/error.h"
#include "vitro/image.h"
#include "vitro/io.h"
#include "vitro/plan.h"
#include "vitro/precision.h"
#include "vitro/quantize.h"
#include "vitro/session.h"
#include "vitro/tensor.h"

namespace vitro {

/// "0.1.0"
const char* version();

}  // namespace vitro
