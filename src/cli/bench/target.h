#pragma once

#include <vector>

#include "cli/bench/row.h"
#include "cli/model.h"

namespace vitro::cli {

inline SessionOptions session_options(const BenchCase& asked, const StreamSetup& setup) {
  return {asked.backend, setup.threads,
          setup.streams, parse_precision(asked.precision).value_or(Precision::Default),
          asked.device,  asked.fallback};
}

/// A session with inputs and outputs, ready to be timed.
class Target {
 public:
  Target(const Plan& plan, const BenchCase& asked, const StreamSetup& setup)
      : session_(plan, session_options(asked, setup)) {
    const std::vector<Dims> dims = run_dims(plan, asked.at(setup.batch));
    prepare_checked(session_, dims, setup.streams);
    inputs_ = synthetic_inputs(session_, dims);
    const std::vector<Tensor> outputs = session_.run(inputs_);
    for (const Tensor& input : inputs_) input_views_.push_back(input.view());
    for (int stream = 0; stream < setup.streams; ++stream) {
      views_.emplace_back();
      for (const Tensor& output : outputs) {
        outputs_.push_back(output.clone());
        views_.back().push_back(outputs_.back().view());
      }
    }
  }

  const Session& session() const { return session_; }

  /// Nothing for a model of several inputs or outputs.
  std::optional<DeviceTiming> time_device() const {
    if (input_views_.size() != 1 || views_[0].size() != 1) return std::nullopt;
    return time_on_device(session_, input_views_[0], views_[0][0]);
  }

  void run(int stream) { session_.run(input_views_, views_[static_cast<size_t>(stream)]); }

 private:
  Session session_;
  std::vector<Tensor> inputs_;
  std::vector<TensorView> input_views_;
  std::vector<Tensor> outputs_;
  std::vector<std::vector<TensorView>> views_;  // by stream
};

}  // namespace vitro::cli
