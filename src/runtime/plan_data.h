#pragma once

#include <memory>
#include <vector>

#include "backends/plan_cache.h"
#include "formats/tensor_file.h"
#include "ir/graph.h"
#include "runtime/quantization_record.h"
#include "runtime/tactics.h"
#include "vitro/plan.h"

namespace vitro {

/// A cache that knows every form in which a backend of this build stores weights.
std::shared_ptr<PlanCache> make_plan_cache();

/// What a Plan handle shares: data only, never changed once made.
struct PlanData {
  PlanInfo info;
  Graph graph;                        ///< optimised; weights are views of the file or owned
  std::vector<WeightRecord> weights;  ///< the ledger of the checkpoint
  Tactics tactics;                    ///< empty when nothing was tuned
  std::optional<QuantizationRecord> quantization;  ///< of a build in 8 bits; older plans have none
  /// What backends made of the weights; not part of the data, and shared by plans of one graph.
  std::shared_ptr<PlanCache> cache = make_plan_cache();
};

/// Stores weights in the forms that backends read, instead of rows, where rows can be had again.
void pack_weights(PlanData& plan);

/// How its matrices are stored: Int8 when any is, else BFloat16 when any is, else Float32.
DType weights_dtype(const Graph& graph);

/// True when the file starts like a plan: a cheap look at its header, which may still be corrupt.
bool is_plan_file(const std::filesystem::path& path);

/// A plan from the tensors and metadata of its file, which `owner` keeps alive; everything is
/// checked but the checksum. `name` is what errors call the file. Throws CorruptFile or
/// Unsupported.
std::shared_ptr<const PlanData> plan_from_tensors(const TensorFile& file,
                                                  std::shared_ptr<const void> owner,
                                                  const std::string& name);

}  // namespace vitro
