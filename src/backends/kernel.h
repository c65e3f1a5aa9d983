#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/plan_cache.h"
#include "backends/tactics.h"
#include "ir/graph.h"
#include "vitro/precision.h"

namespace vitro {

class Lane;
struct OpContext;

/// Why an implementation cannot take an op: the condition and the values.
struct Refusal {
  std::string reason;
};

/// Where a kernel works; pointers are 64-byte aligned unless they are the caller's own tensors.
struct KernelArgs {
  /// Operands in the node's order; null: absent, or a constant that the kernel took with
  /// OpContext::take().
  std::span<const std::byte* const> inputs;
  std::span<std::byte* const> outputs;  ///< results in the node's order; null: nobody reads it
  std::byte* scratch;                   ///< scratch_bytes() bytes, 64-byte aligned, uninitialised
  Lane& lane;                           ///< of the kernel's backend: its threads or its stream

  /// Operand i, whose elements the kernel knows to be T; null when it is absent.
  template <typename T>
  const T* in(size_t i) const {
    return i < inputs.size() ? reinterpret_cast<const T*>(inputs[i]) : nullptr;
  }
  /// Result i.
  template <typename T>
  T* out(size_t i = 0) const {
    return reinterpret_cast<T*>(outputs[i]);
  }
};

/// A phase of a fused kernel, which a profile shows as a line of its own.
struct Section {
  const char* name;              ///< "fc1"
  double flops;                  ///< those of all sections add up to those of the op
  std::vector<size_t> operands;  ///< of the node, that this section is the first to read
  bool product = false;          ///< a matrix product: compared with the peak of those
};

/// Bytes rounded up, so that what lies behind them is aligned for every kernel.
constexpr size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// One op at one shape, ready to run: everything that can be decided has been decided. Immutable,
/// so that threads may share it; run() neither allocates nor throws.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual size_t scratch_bytes() const { return 0; }
  /// Bytes that it may write from aligned_bytes() of its first result on: they live as long as the
  /// result, for kernels of the same backend that read it.
  virtual size_t tail_bytes() const { return 0; }
  /// The operand whose memory the first result may take when nobody else reads it, or -1.
  virtual int in_place_operand() const { return -1; }
  /// Whether run() does the elementwise op `next` as well from now on. `next` alone reads this
  /// kernel's first result, as its operand `operand`, and its result has the same type. Its other
  /// computed operands become operands of this kernel, from the most that an op of its kind has on;
  /// constants must be read now. Called again for the op behind that.
  virtual bool absorb(const OpContext& /*next*/, size_t /*operand*/) { return false; }
  /// The phases that run() marks on its team, by number; empty when it is all one. The last one
  /// writes the result.
  virtual std::vector<Section> sections() const { return {}; }
  /// What it chose for its parts by OpContext::tactics, for tuning to choose otherwise.
  virtual std::vector<TunableOp> tunables() const { return {}; }
  /// What its parts work with, for people: "fc1 wgmma_128x128, fc2 tma_32x64"; empty: it has
  /// nothing to choose. Asked when the program is done.
  virtual std::string choices() const { return {}; }
  virtual void run(const KernelArgs& args) const = 0;
};

/// What an implementation sees of an op when it is asked and made.
struct OpContext {
  const Graph& graph;
  const Node& node;
  std::span<const TensorType> types;  ///< by value id, at the shape being compiled
  int threads;
  PlanCache& cache;
  std::span<const Contents> contents = {};   ///< by value id, where they are known
  Precision precision = Precision::Float32;  ///< never Default
  int device = 0;
  const TacticTable* tactics = nullptr;  ///< until the program is compiled; null: none
  /// By value id: what computed values are stored in; empty: all in `precision`.
  std::span<const Precision> stored = {};
  mutable std::vector<bool> taken{};  ///< operands that take() was called for

  const TensorType& input(size_t i) const { return types[static_cast<size_t>(node.inputs[i])]; }
  const TensorType& output(size_t i) const { return types[static_cast<size_t>(node.outputs[i])]; }
  /// The first result that anything reads.
  const TensorType& output() const {
    size_t i = 0;
    while (node.outputs[i] == kAbsent) ++i;
    return output(i);
  }
  size_t num_inputs() const { return node.inputs.size(); }
  bool has_input(size_t i) const { return node.has_input(i); }
  /// The constant behind operand i, or nullptr when it is computed or absent.
  const Constant* constant(size_t i) const {
    if (!has_input(i)) return nullptr;
    const auto& constant = graph.value(node.inputs[i]).constant;
    return constant ? &*constant : nullptr;
  }
  /// The kernel being made keeps the constant behind operand i in a form of its own, and gets null
  /// for the operand when it runs.
  const Constant& take(size_t i) const {
    taken.resize(node.inputs.size());
    taken[i] = true;
    return *constant(i);
  }
  /// Takes operand i in a form of the backend.
  Constant packed(size_t i, const PackedForm& form) const { return cache.packed(take(i), form); }
};

/// When an implementation is asked.
enum class ImplUse : uint8_t {
  Usual,      ///< in its turn
  WhenTuned,  ///< only where it was measured to be the fastest: a variant of a usual one
  LastResort  ///< in its turn, but so slow that measuring it is no use
};

/// One way to run one op kind. A backend keeps, per kind, a list of these: best first, generic
/// last, and variants behind those that they are variants of.
struct Impl {
  const char* id;  ///< "cpu:linear_panel16"
  std::optional<Refusal> (*can_run)(const OpContext&);
  std::unique_ptr<Kernel> (*make)(const OpContext&);
  ImplUse use = ImplUse::Usual;
};

}  // namespace vitro
