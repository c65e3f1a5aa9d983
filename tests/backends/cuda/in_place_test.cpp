// Runs whose kernels work on tensors of the caller in place of copies.
#include <array>

#include "backends/cuda/caller_tensors.h"
#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/cuda_session.h"
#include "floats.h"
#include "ir/builder.h"
#include "ops/random.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro {
namespace {

using cuda::check_cuda;
using test::OnDevice;
using test::Stream;

class CudaInPlace : public CudaSession {
 protected:
  /// Runs on the same tensors of the GPU, with other elements in turn, give the bits of runs on
  /// tensors of the host and leave their inputs alone.
  static void expect_equal_bits(const Session& session, const Dims& dims, void* stream) {
    std::vector<Tensor> images{test::random_images(dims), test::random_images(dims)};
    for (float& value : images[1].as<float>()) value = 0.5f - value;
    std::vector<std::vector<Tensor>> expected;
    for (const Tensor& image : images) expected.push_back(session.run(std::span(&image, 1)));
    const OnDevice input(dims);
    std::vector<OnDevice> results;
    std::vector<TensorView> outputs;
    for (const Tensor& result : expected[0]) {
      results.emplace_back(result.dims());
      outputs.push_back(results.back().view());
    }
    for (size_t run = 0; run < 6; ++run) {
      input.upload(images[run % 2]);
      for (const OnDevice& result : results) result.poison();
      session.run(std::array{input.view()}, outputs, {.stream = stream});
      check_cuda(cudaDeviceSynchronize(), "a run");
      for (size_t i = 0; i < results.size(); ++i)
        EXPECT_EQ(results[i].download(), test::floats(expected[run % 2][i])) << run << ", " << i;
      EXPECT_EQ(input.download(), test::floats(images[run % 2])) << "input of run " << run;
    }
  }
};

constexpr Precision kPrecisions[] = {Precision::Float32, Precision::TensorFloat32,
                                     Precision::Float16, Precision::BFloat16};

TEST_F(CudaInPlace, GivesTheBitsOfCopies) {
  const Stream stream;
  for (const Precision precision : kPrecisions) {
    const Session session(test::small_plan(), {.backend = "cuda", .precision = precision});
    for (const Dims& dims : {Dims{1, 3, 8, 8}, {3, 3, 20, 12}})
      for (void* where : {static_cast<void*>(nullptr), static_cast<void*>(stream.get())}) {
        SCOPED_TRACE(to_string(precision) + " " + to_string(dims));
        expect_equal_bits(session, dims, where);
      }
  }
}

/// Kernels that could work in place on an input, outputs that later steps read, an output twice,
/// and an input that is an output.
TEST_F(CudaInPlace, NoValueIsLost) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 16});
  const ValueId rectified = builder.op(UnaryFunction::Relu, x, "rectified");
  const ValueId weight = builder.constant("weight", Random("weight").constant({16, 16}, -1, 1));
  const ValueId product = builder.op(OpKind::Linear, {}, {rectified, weight}, "product");
  const ValueId root = builder.op(UnaryFunction::Tanh, product, "tanh");
  const ValueId sum = builder.op(BinaryFunction::Add, root, x, "sum");
  const ValueId last = builder.op(UnaryFunction::Relu, sum, "last");
  auto data = std::make_shared<PlanData>();
  data->graph = builder.finish({product, x, last, product, rectified, root});
  const Plan plan = Internals::plan(std::move(data));
  for (const Precision precision : kPrecisions) {
    SCOPED_TRACE(to_string(precision));
    const Session session(plan, {.backend = "cuda", .precision = precision});
    expect_equal_bits(session, {3, 16}, nullptr);
  }
}

TEST_F(CudaInPlace, TensorsMayChangeBetweenCalls) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Dims dims{2, 3, 16, 16};
  const Tensor images = test::random_images(dims);
  Tensor others = test::random_images(dims);
  for (float& value : others.as<float>()) value = 0.5f - value;
  const auto of_images = test::floats(session.run(images));
  const auto of_others = test::floats(session.run(others));
  const OnDevice inputs[]{OnDevice(images), OnDevice(others)};
  const OnDevice outputs[]{OnDevice({2, 5}), OnDevice({2, 5})};
  const Stream stream;
  // In turn; then one set often enough for a graph, the other one, and mixed.
  const std::string sets = "0101010000111110000011110022330022330101";
  for (const char set : sets) {
    const OnDevice &input = inputs[set % 2], &output = outputs[(set - '0') / 2 != set % 2];
    output.poison();
    test::run_on(session, input.view(), output.view(), stream.get());
    stream.wait();
    EXPECT_EQ(output.download(), set % 2 == 0 ? of_images : of_others);
  }
}

TEST_F(CudaInPlace, WhatKernelsCannotUseIsCopied) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({2, 3, 16, 16});
  const auto expected = test::floats(session.run(images));
  const size_t image_bytes = images.bytes().size(), logit_bytes = expected.size() * sizeof(float);
  const cuda::DeviceMemory memory(image_bytes + 4096);
  const auto expect_works = [&](std::byte* input, std::byte* output) {
    for (int run = 0; run < 5; ++run) {
      check_cuda(cudaMemcpy(input, images.bytes().data(), image_bytes, cudaMemcpyDefault), "in");
      check_cuda(cudaDeviceSynchronize(), "upload");
      const TensorView in{input, DType::Float32, images.dims(), test::kGpu};
      const TensorView out{output, DType::Float32, {2, 5}, test::kGpu};
      session.run({&in, 1}, {&out, 1});
      std::vector<float> logits(expected.size());
      check_cuda(cudaMemcpy(logits.data(), output, logit_bytes, cudaMemcpyDefault), "out");
      EXPECT_EQ(logits, expected) << run;
    }
  };
  std::byte* const base = memory.data();
  expect_works(base + 4, base + image_bytes + 4 + 4);  // misaligned
  expect_works(base, base);                            // the same memory
  expect_works(base, base + 256);                      // inside
}

TEST_F(CudaInPlace, KernelsReadTensorsWhereTheyAre) {
  const Backend& backend = *find_backend_row().backend;
  const Tensor images = test::random_images({2, 3, 16, 16});
  const TensorType type{DType::Float32, images.dims()};
  const Plan plan = test::small_plan();
  const PlanData& data = Internals::data(plan);
  const auto executable =
      backend.compile({.graph = data.graph, .inputs = {&type, 1}, .cache = *data.cache});
  const auto lane = backend.make_lane({});
  const auto context = executable->on(*lane);
  const OnDevice input(images), other(images), output({2, 5});
  const auto run = [&](const OnDevice& from) {
    output.poison();
    context->run(std::array{from.view()}, std::array{output.view()}, nullptr);
    return output.download();
  };
  const auto expected = run(input);
  // The port of the images, behind the arena, has their copy.
  const size_t port = (executable->memory().arena + 255) / 256 * 256;
  std::byte* const copied = static_cast<cuda::CudaLane&>(*lane).workspace(0) + port;
  const auto copy_of = [&] {
    std::vector<float> elements(input.bytes() / sizeof(float));
    check_cuda(cudaMemcpy(elements.data(), copied, input.bytes(), cudaMemcpyDefault), "the copy");
    return elements;
  };
  EXPECT_EQ(copy_of(), test::floats(images));
  EXPECT_EQ(run(input), expected);
  const std::vector<float> nothing(input.bytes() / sizeof(float));
  check_cuda(cudaMemset(copied, 0, input.bytes()), "no copy");
  EXPECT_EQ(run(input), expected);
  EXPECT_EQ(copy_of(), nothing) << "the third call with the same tensors copied them";
  EXPECT_EQ(run(other), expected);
  EXPECT_EQ(copy_of(), test::floats(images));
}

}  // namespace
}  // namespace vitro
