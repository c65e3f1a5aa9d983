#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"
#include "models/weights.h"
#include "vitro/plan.h"

namespace vitro {

/// How many elements of a tensor are not finite.
struct NonFiniteWeights {
  std::string name;
  int64_t num_nan = 0;
  int64_t num_infinite = 0;
};

/// The files that the tensors of a checkpoint are views of.
using MappedFiles = std::vector<std::shared_ptr<const MappedFile>>;

/// Whether a tensor counts something (batches, operations, parameters) and so is no weight.
bool is_counter(std::string_view name, const Dims& dims);

/// Hands out the tensors of a checkpoint and keeps the books: each must be taken exactly once and
/// none may be left over. Not thread-safe.
class WeightLedger : public WeightSource {
 public:
  /// `source` names the checkpoint and `architecture` the model in errors. `maps` are the files
  /// that tensors are views of: pages are dropped once a tensor has been converted. Throws
  /// CorruptFile when two tensors have the same name.
  WeightLedger(TensorFile file, std::string source, std::string architecture,
               MappedFiles maps = {});

  /// The tensor as float32; 64-byte aligned, owned by the result. A tensor that is missing, has
  /// another shape or no float dtype is noted for finish() and zeros are returned, so that one
  /// build finds every fault. Throws Internal when the name was taken before.
  Constant take(const std::string& name, const Dims& dims, std::string_view consumer) override;

  /// Ends the bookkeeping. Throws InvalidArgument, listing missing, misfit and orphaned tensors (at
  /// most 10, a missing one with the orphan whose name is nearest), unless each tensor was taken
  /// exactly once. Counters count as consumed.
  void finish();

  /// Every tensor that was consumed, in the order of consumption.
  const std::vector<WeightRecord>& entries() const { return entries_; }
  /// The consumed tensors that hold NaN or infinity (after conversion to float32).
  const std::vector<NonFiniteWeights>& non_finite() const { return non_finite_; }

 private:
  struct Slot {
    const TensorEntry* tensor;
    bool taken = false;
  };

  bool fits(const TensorEntry& tensor, const Dims& dims, std::string_view consumer);
  bool has_faults() const { return !missing_.empty() || !misfits_.empty(); }
  Constant zeros(const Dims& dims);
  void record(const TensorEntry& tensor, std::string consumer);
  void count_non_finite(const std::string& name, std::span<const float> values);
  void consume_counters();
  std::vector<std::string> orphans() const;

  TensorFile file_;
  std::string source_;
  std::string architecture_;
  MappedFiles maps_;
  std::map<std::string_view, Slot> slots_;
  std::vector<WeightRecord> entries_;
  std::vector<NonFiniteWeights> non_finite_;
  std::vector<std::pair<std::string, std::string>> missing_;  // name, shape and consumer
  std::vector<std::string> misfits_;
  Constant zeros_;  // shared by everything that is returned after the first fault
};

}  // namespace vitro
