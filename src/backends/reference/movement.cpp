#include <algorithm>

#include "backends/reference/ops.h"

namespace vitro::reference {

// The axis i of dst is the axis perm[i] of src.
std::unique_ptr<Kernel> make_transpose(const OpContext& op) {
  const Dims &src = op.input(0).dims, &dst = op.output().dims;
  const auto& perm = op.node.as<TransposeAttrs>().perm;
  std::vector<int64_t> strides(dst.size());  // of src, in the order of the axes of dst
  for (size_t i = 0; i < dst.size(); ++i)
    strides[i] = num_elements(Dims(src.begin() + perm[i] + 1, src.end()));
  const int64_t count = num_elements(dst);
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(count, team_of(args), [&](int64_t i) {
      int64_t offset = 0, rest = i;
      for (size_t axis = dst.size(); axis-- > 0; rest /= dst[axis])
        offset += rest % dst[axis] * strides[axis];
      args.out<float>()[i] = args.in<float>(0)[offset];
    });
  });
}

// The positions [begin, end) of one axis.
std::unique_ptr<Kernel> make_slice(const OpContext& op) {
  const auto& attrs = op.node.as<SliceAttrs>();
  const Dims& src = op.input(0).dims;
  const int64_t inner = num_elements(Dims(src.begin() + attrs.axis + 1, src.end()));
  const int64_t outer = num_elements(Dims(src.begin(), src.begin() + attrs.axis));
  const int64_t step = src[static_cast<size_t>(attrs.axis)] * inner;
  const int64_t skip = attrs.begin * inner, run = (attrs.end - attrs.begin) * inner;
  return make_kernel([=](const KernelArgs& args) {
    parallel_for(outer, team_of(args), [&](int64_t i) {
      std::copy_n(args.in<float>(0) + i * step + skip, run, args.out<float>() + i * run);
    });
  });
}

}  // namespace vitro::reference
