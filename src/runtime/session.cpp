#include "vitro/session.h"

#include <algorithm>

#include "core/check.h"
#include "runtime/engine.h"

namespace vitro {
namespace {

size_t index_of(std::span<const IoInfo> infos, const std::string& name) {
  const auto found = std::ranges::find(infos, name, &IoInfo::name);
  if (found != infos.end()) return static_cast<size_t>(found - infos.begin());
  std::string known;
  for (const IoInfo& info : infos)
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", info.name);
  fail_hint(ErrorCode::NotFound, "inputs: " + known, "the model has no input '{}'", name);
}

/// By name when the tensors have names, else by position.
std::vector<TensorView> in_order(std::span<const IoInfo> infos, std::span<const Tensor> tensors) {
  const auto named =
      std::ranges::count_if(tensors, [](const Tensor& t) { return !t.name.empty(); });
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  if (named == 0) return views;
  check(static_cast<size_t>(named) == tensors.size() && tensors.size() == infos.size(),
        ErrorCode::InvalidArgument, "{} of {} inputs have names, the model has {} inputs", named,
        tensors.size(), infos.size());
  std::vector<bool> given(infos.size());
  for (const Tensor& tensor : tensors) {
    const size_t index = index_of(infos, tensor.name);
    check(!given[index], ErrorCode::InvalidArgument, "input '{}' is given twice", tensor.name);
    given[index] = true;
    views[index] = tensor.view();
  }
  return views;
}

}  // namespace

Session::Session(const Plan& plan, const SessionOptions& options)
    : engine_(std::make_shared<Engine>(plan, options)) {}

std::span<const IoInfo> Session::inputs() const { return engine_->inputs(); }
std::span<const IoInfo> Session::outputs() const { return engine_->outputs(); }

void Session::run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                  const RunOptions& options) const {
  engine_->run(inputs, outputs, options);
}

std::vector<Tensor> Session::run(std::span<const Tensor> inputs, const RunOptions& options) const {
  const std::vector<TensorView> views = in_order(engine_->inputs(), inputs);
  const auto program = engine_->program(views);
  std::vector<Tensor> outputs;
  std::vector<TensorView> written;
  for (size_t i = 0; i < program->outputs().size(); ++i) {
    outputs.emplace_back(program->outputs()[i].dtype, program->outputs()[i].dims);
    outputs.back().name = engine_->outputs()[i].name;
    written.push_back(outputs.back().view());
  }
  engine_->run(views, written, options);
  return outputs;
}

Tensor Session::run(const Tensor& input) const { return engine_->run(input, nullptr); }

void Session::prepare(std::span<const Dims> dims) const {
  std::vector<TensorView> views;
  for (size_t i = 0; i < dims.size(); ++i)
    views.push_back(
        {nullptr, i < inputs().size() ? inputs()[i].dtype : DType::Float32, dims[i], {}});
  engine_->prepare(views);
}
void Session::prepare(const Dims& dims) const { prepare({&dims, 1}); }

const Plan& Session::plan() const { return engine_->plan(); }
const char* Session::backend() const { return engine_->backend().name(); }
Precision Session::precision() const { return engine_->precision(); }
int Session::threads() const { return engine_->threads(); }
int Session::streams() const { return engine_->streams(); }
size_t Session::arena_bytes(const Dims& dims) const {
  return engine_->program(dims)->memory().arena;
}
std::string Session::explain(const Dims& dims) const {
  return engine_->explain(*engine_->program(dims));
}

}  // namespace vitro
