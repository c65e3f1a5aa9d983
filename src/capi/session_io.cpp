#include "capi/session_io.h"

#include "core/check.h"
#include "runtime/observe.h"
#include "runtime/plan_data.h"

namespace vitro::capi {
namespace {

/// Ports without ranges have the extents of their value's type.
IoInfo io_info(const Graph& graph, const Port& port) {
  const TensorType& type = graph.value(port.value).type;
  IoInfo info{port.name, type.dtype, port.dims};
  if (info.dims.empty())
    for (int64_t extent : type.dims) info.dims.push_back({"", extent, extent, 1});
  return info;
}

void check_count(size_t given, size_t expected, const char* what) {
  check(given == expected, ErrorCode::InvalidArgument, "session: {} {}, the model has {}", given,
        what, expected);
}

void check_type(const TensorView& view, const IoInfo& info) {
  check(view.dtype == info.dtype, ErrorCode::InvalidArgument, "'{}': elements of {}, expected {}",
        info.name, dtype_name(view.dtype), dtype_name(info.dtype));
  check(view.device.type != DeviceType::Cuda, ErrorCode::InvalidArgument,
        "'{}': memory of {}, expected memory of the host", info.name, to_string(view.device));
}

void check_data(const TensorView& view, const IoInfo& info) {
  check(view.data != nullptr, ErrorCode::InvalidArgument, "'{}': its data is NULL", info.name);
  const size_t alignment = dtype_size(view.dtype);
  check(reinterpret_cast<uintptr_t>(view.data) % alignment == 0, ErrorCode::InvalidArgument,
        "'{}': its data is not aligned to its elements of {} bytes", info.name, alignment);
}

/// A session runs one input to one output.
const Executable& checked_program(const Session& session, std::span<const TensorView> inputs,
                                  std::shared_ptr<const Executable>& keep) {
  const std::vector<IoInfo> infos = input_infos(session.plan());
  check_count(inputs.size(), infos.size(), "inputs");
  for (size_t i = 0; i < inputs.size(); ++i) check_type(inputs[i], infos[i]);
  keep = compiled_program(session, inputs[0].dims);
  return *keep;
}

}  // namespace

std::vector<IoInfo> input_infos(const Plan& plan) {
  const Graph& graph = plan.data().graph;
  std::vector<IoInfo> infos;
  for (const Port& port : graph.inputs) infos.push_back(io_info(graph, port));
  return infos;
}

std::vector<IoInfo> output_infos(const Plan& plan) {
  const Graph& graph = plan.data().graph;
  std::vector<IoInfo> infos;
  for (const Port& port : graph.outputs) infos.push_back(io_info(graph, port));
  // A plan has logits of [batch, classes], and says so only of its input.
  const IoInfo input = io_info(graph, graph.inputs[0]);
  if (graph.outputs[0].dims.empty()) infos[0].dims[0] = input.dims[0];
  return infos;
}

void prepare(const Session& session, std::span<const TensorView> inputs) {
  std::shared_ptr<const Executable> program;
  checked_program(session, inputs, program);
}

void run(const Session& session, std::span<const TensorView> inputs,
         std::span<const TensorView> outputs) {
  std::shared_ptr<const Executable> keep;
  const Executable& program = checked_program(session, inputs, keep);
  check_data(inputs[0], input_infos(session.plan())[0]);
  const std::vector<IoInfo> infos = output_infos(session.plan());
  check_count(outputs.size(), infos.size(), "outputs");
  for (size_t i = 0; i < outputs.size(); ++i) {
    check_type(outputs[i], infos[i]);
    check_data(outputs[i], infos[i]);
    const Dims& expected = program.outputs()[i].dims;
    check(outputs[i].dims == expected, ErrorCode::InvalidArgument,
          "'{}': room for {}, expected {} for an input of {}", infos[i].name,
          to_string(outputs[i].dims), to_string(expected), to_string(inputs[0].dims));
  }
  session.run(static_cast<const float*>(inputs[0].data), inputs[0].dims,
              static_cast<float*>(outputs[0].data));
}

std::vector<Tensor> run(const Session& session, std::span<const Tensor> inputs) {
  std::vector<TensorView> from, to;
  for (const Tensor& input : inputs) from.push_back(input.view());
  std::shared_ptr<const Executable> keep;
  const Executable& program = checked_program(session, from, keep);
  const std::vector<IoInfo> infos = output_infos(session.plan());
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < infos.size(); ++i) {
    outputs.emplace_back(infos[i].dtype, program.outputs()[i].dims);
    outputs.back().name = infos[i].name;
    to.push_back(outputs.back().view());
  }
  run(session, from, to);
  return outputs;
}

}  // namespace vitro::capi
