#pragma once

#include <optional>

#include "runtime/profile.h"

namespace vitro {

/// By the clock of the device: what each step adds to a run, round after round. Sections of a step
/// share its time as their FLOP. Nothing when the backend has no device with a clock.
std::optional<Profile> profile_on_device(const Session& session,
                                         const std::vector<TensorView>& inputs,
                                         const ProfileOptions& options);

}  // namespace vitro
