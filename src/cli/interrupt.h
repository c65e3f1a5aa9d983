#pragma once

#include <csignal>

namespace vitro::cli {

/// While it lives, the first Ctrl-C only sets was_interrupted(); the second one ends the program.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ {};
};

bool was_interrupted();

}  // namespace vitro::cli
