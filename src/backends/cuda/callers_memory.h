#pragma once

#include "backends/cuda/layout.h"

namespace vitro::cuda {

/// Lets the steps that make an output in the caller's type write it to its port (PortAddresses),
/// which is a place of its own, and later steps read it there. Left alone is what needs more memory
/// than the caller has (Kernel::tail_bytes()), and all that is copied or cast after the last step.
void bind_outputs(Program& program);

/// Decides when kernels work on the caller's tensors in place of copies: on those of a GPU that
/// come at the same addresses again and again. A graph has addresses in it, so another set of
/// tensors takes another graph. There is one; the more of them had to be made, the more often must
/// a new set come before it gets the next, so that callers who change their tensors all the time do
/// not wait for graphs. One user at a time.
class CallersMemory {
 public:
  /// What is to be done with a call.
  enum class Call : uint8_t {
    Copied,    ///< copy its tensors
    Repeated,  ///< the same, and then make a graph for in_place()
    InPlace,   ///< replay that graph
  };
  /// At most so often must tensors come again before they get a graph.
  static constexpr int kMostRepeats = 64;

  explicit CallersMemory(const Layout& layout);

  /// Takes the next call.
  Call next(std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  /// The tensors of the last call where kernels may work on them, else `copies`: those in memory of
  /// the host, those not aligned as kernels expect it, outputs that no kernel writes, and all when
  /// an output overlaps another tensor.
  PortAddresses in_place(const PortAddresses& copies) const;
  /// There is a graph for in_place() now, and no other.
  void captured();
  /// There is no graph.
  void forget();

 private:
  struct Port {
    size_t bytes;
    bool output;
    bool of_kernels;  ///< they read or write it
  };
  /// By port; null: on a copy.
  std::vector<std::byte*> usable() const;

  std::vector<Port> ports_;  // inputs, then outputs
  size_t num_inputs_;
  // Addresses by port; null for tensors in memory of the host, which may change.
  std::vector<std::byte*> last_, graph_;
  bool has_last_ = false, has_graph_ = false;
  int repeats_ = 0, needed_ = 1;
};

}  // namespace vitro::cuda
