#include "formats/torch_tensor.h"

#include <array>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "formats/torch_special.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxRank = 64;
constexpr int kMaxWrappers = 4;  // a Parameter around a subclass around a tensor

constexpr std::array<std::pair<std::string_view, DType>, 10> kStorageTypes = {{
    {"FloatStorage", DType::Float32},
    {"HalfStorage", DType::Float16},
    {"BFloat16Storage", DType::BFloat16},
    {"DoubleStorage", DType::Float64},
    {"LongStorage", DType::Int64},
    {"IntStorage", DType::Int32},
    {"ShortStorage", DType::Int16},
    {"CharStorage", DType::Int8},
    {"ByteStorage", DType::UInt8},
    {"BoolStorage", DType::Bool},
}};

constexpr std::array<std::pair<std::string_view, DType>, 15> kScalarTypes = {{
    {"float32", DType::Float32},
    {"float16", DType::Float16},
    {"bfloat16", DType::BFloat16},
    {"float64", DType::Float64},
    {"int64", DType::Int64},
    {"int32", DType::Int32},
    {"int16", DType::Int16},
    {"int8", DType::Int8},
    {"uint8", DType::UInt8},
    {"bool", DType::Bool},
    {"float8_e4m3fn", DType::Float8E4M3},
    {"float8_e5m2", DType::Float8E5M2},
    {"uint16", DType::UInt16},
    {"uint32", DType::UInt32},
    {"uint64", DType::UInt64},
}};

/// The function that a call would rebuild a tensor with, or "" when it does something else.
std::string_view rebuild_function(std::string_view global) {
  global = rebuild_name(global);
  constexpr std::array<std::string_view, 6> kFunctions = {"_rebuild_tensor",
                                                          "_rebuild_tensor_v2",
                                                          "_rebuild_tensor_v3",
                                                          "_rebuild_parameter",
                                                          "_rebuild_parameter_with_state",
                                                          "_rebuild_from_type_v2"};
  for (std::string_view function : kFunctions) {
    if (global == function) return function;
  }
  return {};
}

DType lookup(std::span<const std::pair<std::string_view, DType>> table, const PickleValue& global,
             std::string_view file, const std::string& name) {
  for (const auto& [type, dtype] : table) {
    if (global.text == fmt::format("torch.{}", type)) return dtype;
  }
  fail_hint(ErrorCode::Unsupported, "save it in Python as float32, float16 or bfloat16",
            "'{}': tensor '{}' has type '{:.80}', which is not supported", file, name, global.text);
}

/// A tuple of non-negative integers, torch.Size included.
bool read_extents(const PickleValue& value, Dims& extents) {
  const PickleValue* tuple = &value;
  if (value.is(Kind::Call) && value.text == "torch.Size" && value.items[0]->items.size() == 1) {
    tuple = value.items[0]->items[0];
  }
  if (!tuple->is(Kind::Tuple) || tuple->items.size() > kMaxRank) return false;
  for (const PickleValue* item : tuple->items) {
    if (!item->is(Kind::Int) || item->integer < 0) return false;
    extents.push_back(item->integer);
  }
  return true;
}

bool is_contiguous(const Dims& dims, const Dims& strides) {
  int64_t expected = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i] != 1 && strides[i] != expected) return false;
    expected *= dims[i];  // cannot overflow: num_elements() of the dims was computed before
  }
  return true;
}

/// Index one past the last element that is touched, or -1 on overflow. `dims` has no zero.
int64_t end_of_span(const Dims& dims, const Dims& strides, int64_t offset) {
  int64_t last = offset;
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t step = 0;
    if (__builtin_mul_overflow(dims[i] - 1, strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return -1;
    }
  }
  return last == INT64_MAX ? -1 : last + 1;
}

/// The innermost call that rebuilds a tensor, known or not, or null when the wrapping makes no
/// sense.
const PickleValue* unwrap(const PickleValue* value) {
  for (int depth = 0; depth < kMaxWrappers; ++depth) {
    if (!value->is(Kind::Call)) return nullptr;
    const std::string_view function = rebuild_function(value->text);
    const auto& arguments = value->items[0]->items;
    if (function.starts_with("_rebuild_tensor")) return value;
    if (function.starts_with("_rebuild_parameter") && !arguments.empty()) {
      value = arguments[0];
    } else if (function == "_rebuild_from_type_v2" && arguments.size() >= 3 &&
               arguments[0]->is(Kind::Global) && arguments[2]->is(Kind::Tuple)) {
      return value;
    } else {
      return function.empty() && is_torch_tensor(*value) ? value : nullptr;
    }
  }
  return nullptr;
}

/// Of floats, where the highest bit is the sign.
bool has_sign_bit(DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Float16:
    case DType::BFloat16:
    case DType::Float64:
    case DType::Float8E4M3:
    case DType::Float8E5M2:
      return true;
    default:
      return false;
  }
}

/// Whether the elements are to be negated: PyTorch keeps flags beside the elements that change
/// them; a view of -x has the elements of x and one of these. Refuses all others.
bool has_negative_flag(const PickleValue* metadata, std::string_view file,
                       const std::string& name) {
  if (metadata == nullptr || metadata->is(Kind::None)) return false;
  bool negative = false;
  check(metadata->is(Kind::Dict), ErrorCode::CorruptFile,
        "'{}': tensor '{}': its flags are malformed", file, name);
  for (size_t i = 0; i + 1 < metadata->items.size(); i += 2) {
    const PickleValue &key = *metadata->items[i], &value = *metadata->items[i + 1];
    if (value.is(Kind::Bool) && value.integer == 0) continue;
    if (value.is(Kind::Bool) && key.is(Kind::String) && key.text == "neg") {
      negative = true;
      continue;
    }
    fail_hint(ErrorCode::Unsupported,
              "in Python: save tensor.resolve_conj().resolve_neg().clone() instead",
              "'{}': tensor '{}' is a view with the flag '{:.80}', which changes its elements",
              file, name, key.text);
  }
  return negative;
}

}  // namespace

bool is_torch_tensor(const PickleValue& value) {
  const std::string_view text = value.text;
  return value.is(Kind::Call) &&
         (!rebuild_function(text).empty() ||
          (text.starts_with("torch.") && rebuild_name(text).starts_with("_rebuild_")));
}

size_t storage_element_size(const PickleValue& storage_class, std::string_view file,
                            const std::string& user) {
  return dtype_size(lookup(kStorageTypes, storage_class, file, user));
}

TorchTensorReader::Storage TorchTensorReader::read_storage(const std::string& name,
                                                           const PickleValue& value) const {
  // ("storage", class, key, location, number of elements, [view]); a view, in files before 1.6, is
  // a part of the storage: (key, offset, number of elements).
  const PickleValue* id = value.is(Kind::Persistent) ? value.items[0] : &value;
  const bool well_formed = value.is(Kind::Persistent) && id->is(Kind::Tuple) &&
                           id->items.size() >= 5 && id->items[1]->is(Kind::Global) &&
                           id->items[2]->is(Kind::String) && id->items[4]->is(Kind::Int);
  check(well_formed, ErrorCode::CorruptFile, "'{}': tensor '{}' has a malformed storage", file_,
        name);
  const std::string_view type = id->items[1]->text;
  Storage storage;
  storage.typed = type != "torch.storage.UntypedStorage" && type != "torch.UntypedStorage";
  if (storage.typed) storage.dtype = lookup(kStorageTypes, *id->items[1], file_, name);
  const std::string& key = id->items[2]->text;
  const auto found = storages_.find(key);
  check(found != storages_.end(), ErrorCode::CorruptFile,
        "'{}': tensor '{}' needs the storage '{}', which is not there", file_, name, key);
  const std::span<const std::byte> bytes = found->second;
  const auto element = static_cast<int64_t>(dtype_size(storage.dtype));
  int64_t first = 0, count = id->items[4]->integer;
  if (id->items.size() > 5 && id->items[5]->is(Kind::Tuple)) {
    const auto& view = id->items[5]->items;
    check(view.size() == 3 && view[1]->is(Kind::Int) && view[2]->is(Kind::Int),
          ErrorCode::CorruptFile, "'{}': tensor '{}' has a malformed storage", file_, name);
    first = view[1]->integer;
    count = view[2]->integer;
  }
  const auto available = static_cast<int64_t>(bytes.size()) / element;
  check(first >= 0 && count >= 0 && first <= available && count <= available - first,
        ErrorCode::CorruptFile,
        "'{}': tensor '{}': a storage of {} {} does not fit into the {} bytes of '{}'", file_, name,
        count, dtype_name(storage.dtype), bytes.size(), key);
  storage.bytes =
      bytes.subspan(static_cast<size_t>(first * element), static_cast<size_t>(count * element));
  return storage;
}

TensorEntry TorchTensorReader::read(const std::string& name, const PickleValue& value) {
  const PickleValue* call = unwrap(&value);
  check(call != nullptr, ErrorCode::CorruptFile, "'{}': tensor '{}' is malformed", file_, name);
  const bool of_subclass = rebuild_function(call->text) == "_rebuild_from_type_v2";
  const auto& arguments = of_subclass ? call->items[0]->items[2]->items : call->items[0]->items;
  const std::string& global = of_subclass ? call->items[0]->items[0]->text : call->text;
  const std::string_view function = rebuild_function(global);
  if (!function.starts_with("_rebuild_tensor")) refuse_special_tensor(global, file_, name);

  // (storage, offset, size, stride, requires_grad, hooks, [dtype,] [flags])
  TensorEntry entry;
  entry.name = name;
  Dims strides;
  const bool well_formed = arguments.size() >= 4 && arguments[1]->is(Kind::Int) &&
                           arguments[1]->integer >= 0 && read_extents(*arguments[2], entry.dims) &&
                           read_extents(*arguments[3], strides) &&
                           strides.size() == entry.dims.size();
  check(well_formed, ErrorCode::CorruptFile,
        "'{}': tensor '{}': offset, shape or strides are malformed", file_, name);
  const Storage storage = read_storage(name, *arguments[0]);
  entry.dtype = storage.dtype;
  if (function == "_rebuild_tensor_v3") {
    check(arguments.size() >= 7 && arguments[6]->is(Kind::Global), ErrorCode::CorruptFile,
          "'{}': tensor '{}' has no dtype", file_, name);
    entry.dtype = lookup(kScalarTypes, *arguments[6], file_, name);
  } else {
    check(storage.typed, ErrorCode::CorruptFile, "'{}': tensor '{}' has no dtype", file_, name);
  }
  const size_t flags = function == "_rebuild_tensor_v3" ? 7 : 6;
  const bool negative =
      has_negative_flag(arguments.size() > flags ? arguments[flags] : nullptr, file_, name);
  check(!negative || has_sign_bit(entry.dtype), ErrorCode::Unsupported,
        "'{}': tensor '{}' is a negative view of {}, expected floating point", file_, name,
        dtype_name(entry.dtype));

  const int64_t count = num_elements(entry.dims);
  if (count == 0) return entry;
  const int64_t offset = arguments[1]->integer;
  const int64_t end = end_of_span(entry.dims, strides, offset);
  const size_t element = dtype_size(entry.dtype);
  check(end >= 0 && static_cast<uint64_t>(end) <= storage.bytes.size() / element,
        ErrorCode::CorruptFile,
        "'{}': tensor '{}' ({}, offset {}) reaches out of its storage of {} elements", file_, name,
        to_string(entry.dims), offset, storage.bytes.size() / element);
  if (!negative && is_contiguous(entry.dims, strides)) {
    entry.bytes = storage.bytes.subspan(static_cast<size_t>(offset) * element,
                                        static_cast<size_t>(count) * element);
  } else {
    const auto gathered = gather(entry, storage, offset, strides);
    if (negative)
      for (size_t i = element; i <= gathered.size(); i += element)
        gathered[i - 1] ^= std::byte{0x80};
    entry.bytes = gathered;
  }
  return entry;
}

std::span<std::byte> TorchTensorReader::gather(const TensorEntry& entry, const Storage& storage,
                                               int64_t offset, const Dims& strides) {
  const size_t element = dtype_size(entry.dtype);
  const auto count = static_cast<uint64_t>(num_elements(entry.dims));
  check(count <= gather_budget_ / element, ErrorCode::OutOfMemory,
        "'{}': tensor '{}' ({}) expands to more memory than such a file may need", file_,
        entry.name, to_string(entry.dims));
  gather_budget_ -= count * element;
  auto gathered = std::make_shared<std::vector<std::byte>>(count * element);
  Dims position(entry.dims.size(), 0);
  int64_t source = offset;
  for (uint64_t i = 0; i < count; ++i) {
    std::memcpy(gathered->data() + i * element,
                storage.bytes.data() + static_cast<size_t>(source) * element, element);
    for (size_t axis = position.size(); axis-- > 0;) {  // the odometer's next position
      source += strides[axis];
      if (++position[axis] < entry.dims[axis]) break;
      source -= strides[axis] * entry.dims[axis];
      position[axis] = 0;
    }
  }
  owners_.push_back(gathered);
  return *gathered;
}

}  // namespace vitro
