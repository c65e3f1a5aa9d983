// Tensors in memory of the GPU, and runs on streams of the caller.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "backends/cuda/caller_tensors.h"
#include "backends/cuda/cuda_session.h"
#include "backends/numbers.h"
#include "core/dlpack_abi.h"
#include "floats.h"
#include "runtime/small_plan.h"
#include "vitro/dlpack.h"

namespace vitro {
namespace {

using cuda::check_cuda;
using cuda::DeviceMemory;
using test::kGpu;
using test::Locked;
using test::OnDevice;
using test::run_on;
using test::Stream;

constexpr int64_t kClasses = 5;  // of the small plan

class CudaTensors : public CudaSession {};

template <typename Call>
void expect_error(ErrorCode code, const std::string& part, const Call& call) {
  try {
    call();
    FAIL() << "no error, expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST_F(CudaTensors, WhereverTheyAreTheBitsAreThoseOfTheHost) {
  const Plan plan = test::small_plan();
  for (const Precision precision : {Precision::Float32, Precision::Float16}) {
    const Session session(plan, {.backend = "cuda", .precision = precision});
    for (const Dims& dims : {Dims{1, 3, 8, 8}, {3, 3, 20, 12}}) {
      const Tensor images = test::random_images(dims);
      const auto expected = test::floats(session.run(images));
      const OnDevice input(images), output({dims[0], kClasses});
      const Locked locked_input(images), locked_output({dims[0], kClasses});
      const Tensor host_output({dims[0], kClasses});
      for (const TensorView& from : {images.view(), locked_input.view(), input.view()}) {
        output.poison();
        session.run({&from, 1}, std::array{output.view()});
        EXPECT_EQ(output.download(), expected) << to_string(from.device);
        std::memset(locked_output.data(), 0xff, locked_output.bytes());
        session.run({&from, 1}, std::array{locked_output.view()});
        EXPECT_EQ(locked_output.values(), expected) << to_string(from.device);
        std::memset(host_output.view().data, 0xff, host_output.bytes().size());
        session.run({&from, 1}, {&host_output.view(), 1});
        EXPECT_EQ(test::floats(host_output), expected) << to_string(from.device);
      }
    }
  }
}

TEST_F(CudaTensors, AreMadeInMemoryOfTheGpuAndInPageLockedMemory) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({2, 3, 8, 8});
  const Tensor input(DType::Float32, images.dims(), kGpu);
  const Tensor output(DType::Float32, {2, kClasses}, {DeviceType::CudaHost, 0});
  check_cuda(cudaMemcpy(input.view().data, images.bytes().data(), images.bytes().size(),
                        cudaMemcpyHostToDevice),
             "upload");
  const auto zeros = output.as<float>();
  EXPECT_TRUE(std::ranges::all_of(zeros, [](float v) { return v == 0; }));
  const Stream stream;
  run_on(session, input.view(), output.view(), stream.get());
  stream.wait();
  EXPECT_EQ(test::floats(output), test::floats(session.run(images)));
  EXPECT_NO_THROW(Tensor(DType::Float32, {0, 3}, kGpu));
  expect_error(ErrorCode::InvalidArgument, "99", [] {
    Tensor(DType::Float32, {1}, {DeviceType::Cuda, 99});
  });
}

TEST(CudaTensorsWithoutAGpu, SayWhyThereIsNoMemory) {
  const auto& refusal = cuda::device_refusal();
  if (!refusal) GTEST_SKIP() << "there is a GPU";
  for (const DeviceType type : {DeviceType::Cuda, DeviceType::CudaHost})
    expect_error(ErrorCode::DeviceError, refusal->reason, [&] {
      Tensor(DType::Float32, {1}, {type, 0});
    });
}

TEST_F(CudaTensors, ARunOnAStreamTakesItsTurn) {
  const Session session(test::small_plan(), {.backend = "cuda", .streams = 1});
  const Dims dims{4, 3, 16, 16}, logits{4, kClasses};
  std::vector<Locked> inputs, outputs;
  std::vector<std::vector<float>> expected;
  for (int i = 0; i < 8; ++i) {
    Tensor images = test::random_images(dims);
    for (float& value : images.as<float>()) value += 0.1f * static_cast<float>(i);
    expected.push_back(test::floats(session.run(images)));
    inputs.emplace_back(images);
    outputs.emplace_back(logits);
  }
  const OnDevice input(dims), output(logits);
  const DeviceMemory ballast(size_t{256} << 20);
  const Stream stream;
  for (size_t i = 0; i < inputs.size(); ++i) {
    // What is before the run takes a while, and what is behind it destroys its input and output.
    check_cuda(cudaMemsetAsync(ballast.data(), 1, ballast.bytes(), stream.get()), "memset");
    check_cuda(cudaMemcpyAsync(input.data(), inputs[i].data(), input.bytes(), cudaMemcpyDefault,
                               stream.get()),
               "copy");
    run_on(session, input.view(), output.view(), stream.get());
    check_cuda(cudaMemcpyAsync(outputs[i].data(), output.data(), output.bytes(), cudaMemcpyDefault,
                               stream.get()),
               "copy");
    check_cuda(cudaMemsetAsync(input.data(), 0xff, input.bytes(), stream.get()), "memset");
    check_cuda(cudaMemsetAsync(output.data(), 0xff, output.bytes(), stream.get()), "memset");
  }
  stream.wait();
  for (size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(outputs[i].values(), expected[i]) << i;
}

TEST_F(CudaTensors, StreamsThatShareALaneDoNotDisturbEachOther) {
  const Plan plan = test::small_plan();
  const Session session(plan, {.backend = "cuda", .streams = 1});
  // A session of its own for what is expected: the first runs here are on streams of the caller.
  const Session other(plan, {.backend = "cuda"});
  const Stream a, b;
  std::vector<Locked> inputs, outputs;
  std::vector<std::vector<float>> expected;
  for (int64_t i = 0; i < 24; ++i) {
    const int64_t batch = 1 + i % 3, side = 8 + 8 * (i % 2);
    const Tensor images = test::random_images({batch, 3, side, side});
    expected.push_back(test::floats(other.run(images)));
    inputs.emplace_back(images);
    outputs.emplace_back(Dims{batch, kClasses});
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    run_on(session, inputs[i].view(), outputs[i].view(), i % 2 == 0 ? a.get() : b.get());
  a.wait();
  b.wait();
  for (size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(outputs[i].values(), expected[i]) << i;
  // Without a stream a call comes behind them too.
  run_on(session, inputs[5].view(), outputs[5].view(), a.get());
  const Tensor images = test::random_images({1, 3, 8, 8});
  EXPECT_EQ(test::floats(session.run(images)), test::floats(other.run(images)));
}

/// What a stream waits for, at most for ten seconds.
struct Gate {
  std::atomic<bool> open = false;
  std::atomic<bool> in_time = false;

  static void CUDART_CB wait(void* gate) {
    auto& self = *static_cast<Gate*>(gate);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!self.open && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    self.in_time = self.open.load();
  }
};

TEST_F(CudaTensors, ARunOnAStreamDoesNotWait) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({2, 3, 16, 16});
  const auto expected = test::floats(session.run(images));
  session.run(images);  // the first replay brings the graph to the GPU
  const OnDevice input(images), output({2, kClasses});
  const Stream stream;
  Gate gate;
  check_cuda(cudaLaunchHostFunc(stream.get(), Gate::wait, &gate), "a gate");
  run_on(session, input.view(), output.view(), stream.get());
  run_on(session, input.view(), output.view(), stream.get());
  EXPECT_EQ(cudaStreamQuery(stream.get()), cudaErrorNotReady);
  gate.open = true;
  stream.wait();
  EXPECT_TRUE(gate.in_time) << "run() waited for the stream";
  EXPECT_EQ(output.download(), expected);
}

TEST_F(CudaTensors, ASessionThatEndsWaitsForItsWork) {
  const Tensor images = test::random_images({2, 3, 16, 16});
  const OnDevice input(images), output({2, kClasses});
  const Stream stream;
  std::vector<float> expected;
  {
    const Session session(test::small_plan(), {.backend = "cuda"});
    expected = test::floats(session.run(images));
    for (int i = 0; i < 50; ++i) run_on(session, input.view(), output.view(), stream.get());
  }
  EXPECT_EQ(cudaStreamQuery(stream.get()), cudaSuccess);
  EXPECT_EQ(output.download(), expected);
}

TEST_F(CudaTensors, SixteenThreadsWithStreamsOfTheirOwn) {
  const Session session(test::small_plan(), {.backend = "cuda", .threads = 1, .streams = 4});
  std::vector<Tensor> images;
  std::vector<std::vector<float>> expected;
  for (int64_t batch = 1; batch <= 4; ++batch) {
    images.push_back(test::random_images({batch, 3, 16, 16}));
    expected.push_back(test::floats(session.run(images.back())));
  }
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  std::vector<std::string> errors(16);
  const auto work = [&](size_t which) {
    const Stream stream;
    const OnDevice input(images[which]), output({images[which].dims()[0], kClasses});
    for (int i = 0; i < 100; ++i) {
      for (int run = 0; run < 10; ++run) run_on(session, input.view(), output.view(), stream.get());
      stream.wait();
      if (output.download() != expected[which]) ++wrong;
    }
  };
  for (size_t t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      try {
        work(t % images.size());
      } catch (const std::exception& error) {
        errors[t] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

TEST_F(CudaTensors, WhatCannotWorkIsRefused) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({2, 3, 16, 16});
  const OnDevice input(images), output({2, kClasses});
  const Tensor host_output({2, kClasses});
  const Stream stream;
  expect_error(ErrorCode::InvalidArgument, "input 0 of a run on a stream is in pageable",
               [&] { run_on(session, images.view(), output.view(), stream.get()); });
  expect_error(ErrorCode::InvalidArgument, "output 0 of a run on a stream is in pageable",
               [&] { run_on(session, input.view(), host_output.view(), stream.get()); });
  TensorView wrong = images.view();
  wrong.device = kGpu;
  expect_error(ErrorCode::InvalidArgument, "said to be in memory of cuda:0", [&] {
    session.run({&wrong, 1}, {&host_output.view(), 1});
  });
  wrong = input.view();
  wrong.device.index = 3;
  expect_error(ErrorCode::InvalidArgument, "memory of cuda:3", [&] {
    session.run({&wrong, 1}, {&host_output.view(), 1});
  });
  check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeRelaxed), "capture");
  expect_error(ErrorCode::Unsupported, "capturing a graph",
               [&] { run_on(session, input.view(), output.view(), stream.get()); });
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(stream.get(), &graph), "capture");
  check_cuda(cudaGraphDestroy(graph), "capture");
  EXPECT_EQ(test::floats(session.run(images)), test::floats(session.run(images)));
}

TEST_F(CudaTensors, DlpackSharesMemoryOfTheGpu) {
  const Session session(test::small_plan(), {.backend = "cuda"});
  const Tensor images = test::random_images({2, 3, 16, 16});
  const auto expected = test::floats(session.run(images));
  const OnDevice memory(images);
  int deleted = 0;
  Dims shape = images.dims();
  DLManagedTensor managed{};
  managed.dl_tensor = {memory.data(), {kDLCUDA, 0}, 4, {kDLFloat, 32, 1}, shape.data(), nullptr, 0};
  managed.manager_ctx = &deleted;
  managed.deleter = [](DLManagedTensor* self) { ++*static_cast<int*>(self->manager_ctx); };
  DLManagedTensor* again = nullptr;
  {
    const Tensor input = from_dlpack(&managed);
    EXPECT_EQ(input.device(), kGpu);
    EXPECT_EQ(test::floats(session.run(input)), expected);
    again = to_dlpack(input);
  }
  EXPECT_EQ(again->dl_tensor.data, memory.data());
  EXPECT_EQ(again->dl_tensor.device.device_type, kDLCUDA);
  EXPECT_EQ(deleted, 0);
  again->deleter(again);
  EXPECT_EQ(deleted, 1);
}

}  // namespace
}  // namespace vitro
