// When kernels work on tensors of the caller in place of copies.
#include "backends/cuda/callers_memory.h"

#include <gtest/gtest.h>

#include <array>

namespace vitro::cuda {
namespace {

constexpr size_t kBytes = 400;  // of every tensor
constexpr Device kGpu{DeviceType::Cuda, 0};

Place arena(size_t offset) { return {Place::Kind::Arena, offset, nullptr}; }
constexpr Place kInput{Place::Kind::Input, 0, nullptr};

void add_step(Program& program, const Place& input, const Place& output) {
  Step step;
  step.inputs = {input};
  step.outputs = {output};
  program.sequence.push_back(std::move(step));
}

void add_output(Program& program, const Place& from) {
  program.copies.push_back({from, program.output_types.size(), kBytes});
  program.output_types.push_back({DType::Float32, {kBytes / 4}});
}

/// input -> 0 -> 512 -> 0, which is the output and read again: -> 512.
Program read_output() {
  Program program;
  program.input_types = {{DType::Float32, {kBytes / 4}}};
  add_step(program, kInput, arena(0));
  add_step(program, arena(0), arena(512));
  add_step(program, arena(512), arena(0));
  add_step(program, arena(0), arena(512));
  program.buffers = {{0, kBytes, 0, 1, "a", false},
                     {512, kBytes, 1, 2, "b", false},
                     {0, kBytes, 2, 3, "c", false},
                     {512, kBytes, 3, 3, "d", false}};
  add_output(program, arena(0));
  return program;
}

void expect_place(const Place& place, Place::Kind kind, size_t index) {
  EXPECT_EQ(place.kind, kind);
  EXPECT_EQ(place.index, index);
}

TEST(BindOutputs, WhatIsAnOutputMovesAndNothingElse) {
  Program program = read_output();
  bind_outputs(program);
  expect_place(program.sequence[0].outputs[0], Place::Kind::Arena, 0);
  expect_place(program.sequence[1].inputs[0], Place::Kind::Arena, 0);
  expect_place(program.sequence[2].inputs[0], Place::Kind::Arena, 512);
  expect_place(program.sequence[2].outputs[0], Place::Kind::Output, 0);
  expect_place(program.sequence[3].inputs[0], Place::Kind::Output, 0);
  expect_place(program.sequence[3].outputs[0], Place::Kind::Arena, 512);
  expect_place(program.copies[0].from, Place::Kind::Output, 0);
}

TEST(BindOutputs, KernelsThatWorkInPlaceStillDo) {
  Program program = read_output();
  program.sequence[3].outputs[0] = arena(0);
  bind_outputs(program);
  expect_place(program.sequence[2].outputs[0], Place::Kind::Output, 0);
  expect_place(program.sequence[3].inputs[0], Place::Kind::Output, 0);
  expect_place(program.sequence[3].outputs[0], Place::Kind::Output, 0);
}

TEST(BindOutputs, ARepeatedOutputIsCopiedFromTheFirst) {
  Program program = read_output();
  add_output(program, arena(0));
  bind_outputs(program);
  expect_place(program.copies[0].from, Place::Kind::Output, 0);
  expect_place(program.copies[1].from, Place::Kind::Output, 0);
}

TEST(BindOutputs, WhatIsCastOrLargerOrNotComputedStays) {
  Program cast = read_output();
  cast.copies[0].stored = Precision::Float16;
  bind_outputs(cast);
  expect_place(cast.copies[0].from, Place::Kind::Arena, 0);
  Program tail = read_output();
  tail.buffers[2].bytes = kBytes + 64;
  bind_outputs(tail);
  expect_place(tail.copies[0].from, Place::Kind::Arena, 0);
  expect_place(tail.sequence[2].outputs[0], Place::Kind::Arena, 0);
  Program input = read_output();
  input.copies[0].from = kInput;
  bind_outputs(input);
  expect_place(input.copies[0].from, Place::Kind::Input, 0);
}

using Call = CallersMemory::Call;

std::byte* address(size_t value) { return reinterpret_cast<std::byte*>(value); }

/// One input, an output that a step writes and one that is the input.
struct Calls {
  CallersMemory memory;

  Calls() : memory(layout()) {}

  static Layout layout() {
    CudaProgram program;
    program.steps = std::make_unique<Program>(read_output());
    add_output(*program.steps, kInput);
    bind_outputs(*program.steps);
    program.reads_images.resize(program.steps->sequence.size());
    return Layout(program);
  }
  Call next(size_t input, size_t output, size_t copied = 0x9000, Device of_copied = kGpu) {
    const Dims dims{kBytes / 4};
    const TensorView in{address(input), DType::Float32, dims, kGpu};
    const TensorView out[]{{address(output), DType::Float32, dims, kGpu},
                           {address(copied), DType::Float32, dims, of_copied}};
    return memory.next({&in, 1}, out);
  }
  /// Of input and outputs; 1 to 3 where they are copied.
  std::vector<size_t> in_place() const {
    const PortAddresses ports = memory.in_place({{address(1)}, {address(2), address(3)}});
    return {reinterpret_cast<size_t>(ports.inputs.at(0)),
            reinterpret_cast<size_t>(ports.outputs.at(0)),
            reinterpret_cast<size_t>(ports.outputs.at(1))};
  }
  /// How many calls with a new set it takes until there is a graph for it.
  int calls_until_repeated(size_t input) {
    int calls = 1;
    while (next(input, 0x2000) == Call::Copied && calls < 1000) ++calls;
    return calls;
  }
};

TEST(CallersMemory, TensorsThatComeAgainGetAGraph) {
  Calls calls;
  EXPECT_EQ(calls.next(0x1000, 0x2000), Call::Copied);
  EXPECT_EQ(calls.next(0x1000, 0x2000), Call::Repeated);
  EXPECT_EQ(calls.in_place(), (std::vector<size_t>{0x1000, 0x2000, 3}))
      << "what is no result of a kernel is copied";
  calls.memory.captured();
  EXPECT_EQ(calls.next(0x1000, 0x2000), Call::InPlace);
  EXPECT_EQ(calls.next(0x1000, 0x3000), Call::Copied);
  EXPECT_EQ(calls.next(0x4000, 0x2000), Call::Copied);
  EXPECT_EQ(calls.next(0x1000, 0x2000), Call::InPlace);
  calls.memory.forget();
  EXPECT_EQ(calls.next(0x1000, 0x2000), Call::Copied);
}

TEST(CallersMemory, TensorsThatChangeAllTheTimeGetNone) {
  Calls calls;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(calls.next(0x1000, 0x2000), Call::Copied) << i;
    EXPECT_EQ(calls.next(0x3000, 0x4000), Call::Copied) << i;
  }
}

TEST(CallersMemory, TheNextGraphTakesMoreRepeats) {
  Calls calls;
  std::vector<int> taken;
  for (size_t set = 1; set <= 9; ++set) {
    taken.push_back(calls.calls_until_repeated(set * 0x10000));
    calls.memory.captured();
  }
  EXPECT_EQ(taken, (std::vector<int>{2, 3, 5, 9, 17, 33, 65, 65, 65}));
}

TEST(CallersMemory, AGraphThatCouldNotBeMadeIsAskedForOnce) {
  Calls calls;
  EXPECT_EQ(calls.calls_until_repeated(0x1000), 2);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(calls.next(0x1000, 0x2000), Call::Copied) << i;
}

TEST(CallersMemory, TensorsOfTheHostMayChange) {
  Calls calls;
  const Device host{};
  EXPECT_EQ(calls.next(0x1000, 0x2000, 0x5008, host), Call::Copied);
  EXPECT_EQ(calls.next(0x1000, 0x2000, 0x6008, host), Call::Repeated);
  calls.memory.captured();
  EXPECT_EQ(calls.next(0x1000, 0x2000, 0x7008, host), Call::InPlace);
  EXPECT_EQ(calls.next(0x1000, 0x2000, 0x7000), Call::Copied) << "it is on the GPU now";
}

TEST(CallersMemory, MisalignedTensorsAreCopied) {
  Calls calls;
  EXPECT_EQ(calls.next(0x1010, 0x2000), Call::Copied);
  EXPECT_EQ(calls.next(0x1010, 0x2000), Call::Repeated);
  EXPECT_EQ(calls.in_place(), (std::vector<size_t>{1, 0x2000, 3}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(calls.next(0x1010, 0x2020), Call::Copied);
}

TEST(CallersMemory, TensorsThatOverlapAnOutputAreCopied) {
  const size_t near = 0x1000 + kBytes - 16;  // aligned, inside the tensor at 0x1000
  static_assert(near % 64 == 0);
  const std::vector<std::array<size_t, 3>> overlapping{{0x1000, 0x1000, 0x9000},
                                                       {0x1000, near, 0x9000},
                                                       {near, 0x1000, 0x9000},
                                                       {0x1000, 0x2000, near},
                                                       {0x2000, 0x1000, near}};
  for (const auto& [input, output, copied] : overlapping) {
    Calls calls;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(calls.next(input, output, copied), Call::Copied);
  }
  Calls beside;
  beside.next(0x1000, 0x1000 + 448);
  EXPECT_EQ(beside.next(0x1000, 0x1000 + 448), Call::Repeated);
}

}  // namespace
}  // namespace vitro::cuda
