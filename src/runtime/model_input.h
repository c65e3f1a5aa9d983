#pragma once

#include "vitro/session.h"

namespace vitro {

/// Whether the only input of a plan is the pixels of pictures.
bool takes_pixels(const Plan& plan);

/// What preprocess() makes of pixels: [n, 3, height, width] of uint8 [n, height, width, 3], or of
/// planes [n, 3, height, width]. Throws InvalidArgument for other tensors.
Tensor normalized(const Tensor& pixels, const Preprocessing& preprocessing);

/// The input of a model of one input, made of float32: rounded where it is half or double floats.
/// Where it is the pixels of pictures and `floats` are what preprocess() made, [n, 3, h, w], these
/// pixels.
Tensor input_of(const Plan& plan, const Tensor& floats);

/// The output of a model of one input and one output, as float32, for input_of() an input of
/// float32. Throws what Session::run() does.
Tensor run_on_floats(const Session& session, const Tensor& input);

}  // namespace vitro
