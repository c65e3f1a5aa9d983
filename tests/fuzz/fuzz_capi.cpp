// Memory as a C or DLPack program may describe it: any ranks, extents, types and devices.
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "capi/plan.h"
#include "capi/tensor.h"
#include "core/dlpack_abi.h"
#include "core/dtype.h"
#include "fuzz/fuzz_target.h"
#include "runtime/small_plan.h"

namespace {

constexpr size_t kMostBytes = 1 << 16;
constexpr size_t kMostExtents = 80;  // beyond what any function takes

void expect(bool condition) {
  if (!condition) std::abort();
}

/// Numbers out of the fuzzer's bytes; zeros after their end.
class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  /// Small in most cases.
  int64_t number() {
    const uint8_t value = byte();
    if (value < 0xf0) return value;
    uint64_t wide = 0;
    for (int i = 0; i < 8; ++i) wide = wide << 8 | byte();
    return static_cast<int64_t>(wide);
  }
  int32_t small() { return static_cast<int8_t>(byte()); }
  std::vector<int64_t> numbers(int32_t rank) {
    std::vector<int64_t> result(std::min(static_cast<size_t>(std::max(rank, 0)), kMostExtents));
    for (int64_t& value : result) value = number();
    return result;
  }

 private:
  std::span<const uint8_t> bytes_;
};

/// A heap block of exactly the bytes that a tensor has, so that an access past them is found; none
/// when these are too many, or when there is no such tensor.
std::unique_ptr<std::byte[]> memory_of(size_t element, const std::vector<int64_t>& dims) {
  size_t bytes = element;
  for (int64_t extent : dims)
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<size_t>(extent), &bytes))
      return nullptr;
  if (bytes > kMostBytes) return nullptr;
  return std::make_unique<std::byte[]>(bytes);
}

struct Described {
  std::vector<int64_t> dims;
  std::unique_ptr<std::byte[]> memory;
  vitro_view view{};

  explicit Described(Input& input) {
    view.rank = input.small();
    dims = input.numbers(view.rank);
    view.dtype = input.small();
    view.device_type = input.small();
    view.device_index = input.small();
    if (view.dtype >= 0 && view.dtype <= VITRO_UINT64)
      memory = memory_of(vitro::dtype_size(static_cast<vitro::DType>(view.dtype)), dims);
    view.data = memory.get();
    view.dims = dims.data();
  }
};

/// What can be asked of a tensor that was accepted; frees it.
void use(vitro_tensor* tensor) {
  vitro_view view{};
  expect(vitro_tensor_view(tensor, &view) == VITRO_OK);
  DLManagedTensor* exported = nullptr;
  expect(vitro_tensor_to_dlpack(tensor, &exported) == VITRO_OK);
  vitro_tensor* back = nullptr;
  expect(vitro_tensor_from_dlpack(exported, &back) == VITRO_OK);
  vitro_view same{};
  expect(vitro_tensor_view(back, &same) == VITRO_OK);
  expect(same.data == view.data && same.dtype == view.dtype && same.rank == view.rank &&
         std::equal(view.dims, view.dims + view.rank, same.dims));
  DLManagedTensorVersioned* versioned = nullptr;
  expect(vitro_tensor_to_dlpack_versioned(back, &versioned) == VITRO_OK);
  vitro_tensor_free(back);
  versioned->deleter(versioned);
  if (view.device_type != VITRO_CUDA)
    for (std::byte& value : tensor->tensor.bytes()) value ^= std::byte{1};
  vitro_tensor_free(tensor);
}

void expect_released(vitro_code code, int times) {
  expect(code != VITRO_INTERNAL && times == (code == VITRO_OK ? 1 : 0));
}

void wrap(Input& input) {
  const Described described(input);
  int released = 0;
  vitro_tensor* tensor = nullptr;
  const vitro_code code = vitro_tensor_wrap(
      &described.view, [](void* count) { ++*static_cast<int*>(count); }, &released, &tensor);
  if (code == VITRO_OK) use(tensor);
  expect_released(code, released);
}

template <typename Managed>
void import(Input& input, vitro_code (*from_dlpack)(Managed*, vitro_tensor**)) {
  Managed managed{};
  if constexpr (requires { managed.version; }) managed.version = {input.byte(), input.byte()};
  DLTensor& dl = managed.dl_tensor;
  dl.device = {input.small(), input.small()};
  dl.ndim = input.small();
  dl.dtype = {input.byte(), input.byte(), input.byte()};
  std::vector<int64_t> dims = input.numbers(dl.ndim), strides;
  dl.shape = dims.data();
  if (input.byte() % 2 != 0) {
    strides = input.numbers(dl.ndim);
    dl.strides = strides.data();
  }
  const auto memory = memory_of(dl.dtype.bits / 8, dims);
  dl.data = memory.get();
  int deleted = 0;
  managed.manager_ctx = &deleted;
  managed.deleter = [](Managed* self) { ++*static_cast<int*>(self->manager_ctx); };
  vitro_tensor* tensor = nullptr;
  const vitro_code code = from_dlpack(&managed, &tensor);
  if (code == VITRO_OK) use(tensor);
  expect_released(code, deleted);
}

const vitro_session* session() {
  static const vitro_plan plan{vitro::test::small_plan()};
  static vitro_session* const made = [] {
    vitro_session_options options = VITRO_SESSION_OPTIONS;
    options.backend = "reference";
    options.threads = options.streams = 1;
    vitro_session* result = nullptr;
    expect(vitro_session_create(&plan, &options, &result) == VITRO_OK);
    return result;
  }();
  return made;
}

void run_session(Input& input) {
  const Described image(input), logits(input);
  expect(vitro_session_run(session(), &image.view, 1, &logits.view, 1) != VITRO_INTERNAL);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input({data, size});
  switch (input.byte() % 4) {
    case 0:
      wrap(input);
      break;
    case 1:
      import <DLManagedTensor>(input, vitro_tensor_from_dlpack);
      break;
    case 2:
      import <DLManagedTensorVersioned>(input, vitro_tensor_from_dlpack_versioned);
      break;
    default:
      run_session(input);
  }
  return 0;
}
