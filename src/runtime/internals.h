#pragma once

#include <memory>
#include <utility>

#include "vitro/session.h"

namespace vitro {

/// What is behind the handles of the public API, for Vitro itself.
struct Internals {
  static Plan plan(std::shared_ptr<const PlanData> data) { return Plan(std::move(data)); }
  static Session session(std::shared_ptr<Engine> engine) { return Session(std::move(engine)); }
  static const PlanData& data(const Plan& plan) { return *plan.data_; }
  static Engine& engine(const Session& session) { return *session.engine_; }
};

}  // namespace vitro
