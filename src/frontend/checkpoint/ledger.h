#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
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

/// Hands out the tensors of a checkpoint and keeps the books: each must be taken exactly once and
/// none may be left over. Not thread-safe.
class WeightLedger : public WeightSource {
 public:
  /// `source` names the checkpoint and `architecture` the model in errors. `map`, when given, is
  /// the file that tensors are views of: its pages are dropped once a tensor has been converted.
  /// Throws CorruptFile when two tensors have the same name.
  WeightLedger(TensorFile file, std::string source, std::string architecture,
               std::shared_ptr<const MappedFile> map = nullptr);

  /// The tensor as float32; 64-byte aligned, owned by the result. A tensor that is missing, has
  /// another shape or no float dtype is noted for finish() and zeros are returned, so that one
  /// build finds every fault. Throws Internal when the name was taken before.
  Constant take(const std::string& name, const Dims& dims, std::string_view consumer) override;

  /// Ends the bookkeeping. Throws InvalidArgument, listing missing, orphaned and misfit tensors (at
  /// most 20 of each), unless each tensor was taken exactly once. The `num_batches_tracked`
  /// counters of batch norms that were taken count as consumed.
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

  TensorFile file_;
  std::string source_;
  std::string architecture_;
  std::shared_ptr<const MappedFile> map_;
  std::map<std::string_view, Slot> slots_;
  std::vector<WeightRecord> entries_;
  std::vector<NonFiniteWeights> non_finite_;
  std::vector<std::string> missing_;
  std::vector<std::string> misfits_;
  Constant zeros_;  // shared by everything that is returned after the first fault
};

}  // namespace vitro
