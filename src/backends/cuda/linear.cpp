#include "backends/cuda/activation.h"
#include "backends/cuda/codes_product.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/product.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

LinearArgs args_of(const OpContext& op) { return product_args(op, 1, 2, num_rows(op.input(0))); }

/// Accepts where the tile that is chosen is of this kind.
template <LinearKind kind>
std::optional<Refusal> is_fastest(const OpContext& op) {
  if (auto refusal = needs_weights(op)) return refusal;
  const LinearArgs args = args_of(op);
  const LinearTile tile = Product(op, args).tile();
  if (tile.kind == kind) return std::nullopt;
  const char* why = nullptr;
  for (size_t i = 0; i < linear_tiles().size(); ++i) {
    if (linear_tiles()[i].kind != kind) continue;
    why = linear_refusal(args, static_cast<int>(i), device_of(op).capability);
    if (!why) return Refusal{std::string(tile.name) + " is chosen"};
  }
  return Refusal{why};
}

class LinearKernel final : public Kernel {
 public:
  explicit LinearKernel(const OpContext& op) : product_(op, args_of(op)) {}
  std::vector<TunableOp> tunables() const override { return {product_.tunable()}; }
  std::string choices() const override { return product_.tile_name(); }
  int in_place_operand() const override { return residual_ ? int{kResidual} : -1; }
  bool absorb(const OpContext& next, size_t operand) override {
    Activation activation = product_.activation();
    if (!absorb_end(activation, residual_, next, operand)) return false;
    product_.activate(activation);
    return true;
  }
  void run(const KernelArgs& args) const override {
    product_.run(args.inputs[0], residual_ ? args.inputs[kResidual] : nullptr, args.outputs[0],
                 launch_of(args));
  }

 private:
  static constexpr size_t kResidual = 3;  // behind x, weight and bias

  bool residual_ = false;
  Product product_;
};

/// Two launches: codes of the rows, then the product.
class LinearCodesKernel final : public Kernel {
 public:
  explicit LinearCodesKernel(const OpContext& op)
      : codes_(op, kQuantization), product_(op, 1, kQuantization, num_rows(op.input(0))) {}
  size_t scratch_bytes() const override { return codes_.bytes(); }
  bool absorb(const OpContext& next, size_t operand) override {
    Activation activation = product_.activation();
    if (!absorb_end(activation, residual_, next, operand)) return false;
    product_.activate(activation);
    return true;
  }
  void run(const KernelArgs& args) const override {
    codes_.run(args.inputs[0], args.scratch, launch_of(args));
    product_.run(args.scratch, residual_ ? args.inputs[kResidual] : nullptr, args.outputs[0],
                 launch_of(args));
  }

 private:
  // Behind x, weight and bias.
  static constexpr size_t kQuantization = 3, kResidual = kQuantization + kQuantizationOperands;

  bool residual_ = false;
  RowCodes codes_;
  CodesProduct product_;
};

}  // namespace

const Impl kLinearCodes{"cuda:linear_codes", keeps_codes, make_kernel<LinearCodesKernel>};

const std::array<Impl, 6> kLinearTiles{
    Impl{"cuda:linear_tma", is_fastest<LinearKind::Tma>, make_kernel<LinearKernel>},
    Impl{"cuda:linear_wgmma", is_fastest<LinearKind::Wgmma>, make_kernel<LinearKernel>},
    Impl{"cuda:linear_mma", is_fastest<LinearKind::Mma>, make_kernel<LinearKernel>},
    Impl{"cuda:linear_tf32x3", is_fastest<LinearKind::Tf32x3>, make_kernel<LinearKernel>},
    Impl{"cuda:linear_ffma", is_fastest<LinearKind::Ffma>, make_kernel<LinearKernel>},
    Impl{"cuda:linear_scalar", is_fastest<LinearKind::Scalar>, make_kernel<LinearKernel>}};

}  // namespace vitro::cuda
