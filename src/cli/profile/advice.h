#pragma once

#include "cli/profile/report.h"

namespace vitro::cli {

/// A place where time could be saved.
struct Advice {
  std::string title;     ///< what and where
  std::string evidence;  ///< the measured values
  std::string next;      ///< what to try
  double gain_ms = 0;    ///< what the measured peaks would allow to save, at most
};

/// The three largest distances from the roofline, by op and stage of the model, a merged step by
/// itself; fewer when there is nothing to gain.
std::vector<Advice> profile_advice(const ProfileReport& report);

}  // namespace vitro::cli
