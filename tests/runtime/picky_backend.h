#pragma once

#include <array>
#include <initializer_list>

#include "backends/backend.h"
#include "runtime/engine.h"

namespace vitro::test {

/// The reference backend without the kinds of ops that are given, until this one is gone. Fused
/// ops run as their bodies. It says that it reaches memory of a GPU, which others do not.
class PickyBackend {
 public:
  explicit PickyBackend(std::initializer_list<OpKind> refused);
  PickyBackend(const PickyBackend&) = delete;
  ~PickyBackend();

  const Backend& backend() const;
  /// A session on it whose "cpu", the fallback, is `fallback`.
  Session session(const Plan& plan, const Backend& fallback, SessionOptions options = {}) const;
};

/// A plan of nothing but a graph.
Plan plan_of(Graph graph);

}  // namespace vitro::test
