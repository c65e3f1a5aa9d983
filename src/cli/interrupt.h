#pragma once

#include <csignal>

namespace vitro::cli {

/// While it lives, the first Ctrl-C or SIGTERM only sets was_interrupted(); a second one ends the
/// program.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_int_ {
  }, before_term_{};
};

bool was_interrupted();

}  // namespace vitro::cli
