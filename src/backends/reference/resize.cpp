#include <cmath>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "ir/resize_taps.h"
#include "ir/strided.h"

namespace vitro::reference {
namespace {

using Taps = std::vector<ResizeTap>;  // of one position of the result

std::vector<Taps> copied(int64_t extent) {
  std::vector<Taps> taps;
  for (int64_t i = 0; i < extent; ++i) taps.push_back({{i, 1.0}});
  return taps;
}

}  // namespace

std::unique_ptr<Kernel> make_resize(const OpContext& op) {
  const auto& attrs = op.node.as<ResizeAttrs>();
  const Dims src = op.input(0).dims, dst = op.output().dims, strides = dense_strides(src);
  std::vector<std::vector<Taps>> taps;  // by axis and position of the result
  for (size_t axis = 0; axis < src.size(); ++axis)
    taps.push_back(resize_taps(attrs, axis, src[axis], dst[axis]).value_or(copied(dst[axis])));
  const int64_t count = num_elements(dst);
  const DType dtype = op.output().dtype;
  return make_kernel([=, taps = std::move(taps)](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      constexpr size_t kMaxRank = 8;
      const Taps* axes[kMaxRank];
      int64_t num_terms = 1, rest = i;
      for (size_t axis = dst.size(); axis-- > 0; rest /= dst[axis]) {
        axes[axis] = &taps[axis][static_cast<size_t>(rest % dst[axis])];
        num_terms *= static_cast<int64_t>(axes[axis]->size());
      }
      double sum = 0;
      for (int64_t term = 0; term < num_terms; ++term) {
        double weight = 1;
        int64_t position = 0, choice = term;
        for (size_t axis = dst.size(); axis-- > 0;) {
          const auto size = static_cast<int64_t>(axes[axis]->size());
          const auto tap = static_cast<size_t>(choice % size);
          choice /= size;
          weight *= (*axes[axis])[tap].weight;
          position += (*axes[axis])[tap].position * strides[axis];
        }
        sum += weight * load<double>(dtype, args.inputs[0], position);
      }
      store<double>(dtype, args.outputs[0], i, is_integral(dtype) ? std::nearbyint(sum) : sum);
    });
  });
}

}  // namespace vitro::reference
