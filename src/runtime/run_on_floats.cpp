#include "runtime/run_on_floats.h"

#include "core/convert.h"

namespace vitro {

Tensor run_on_floats(const Session& session, const Tensor& input) {
  const Tensor output = session.run(converted(input, session.inputs()[0].dtype));
  return converted(output, DType::Float32);
}

}  // namespace vitro
