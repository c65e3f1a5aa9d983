#include "backends/cuda/kernels/linear_scalar.h"

#include "backends/cuda/kernels/linear_scalar.cuh"

namespace vitro::cuda {

void linear_scalar(const LinearArgs& args, const Launch& launch) {
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_scalar<T>(args, MatrixReader<T>{static_cast<const T*>(args.x), args.k}, launch);
  });
}

}  // namespace vitro::cuda
