#include "formats/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/dtype.h"

namespace vitro {
namespace {

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kPadPrefix = "__pad_";
constexpr size_t kMaxRank = 64;

struct HeaderTensor {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;  // [begin, end) in the data section
};

/// Receives the events of the JSON parser. A tree would lose duplicate keys, and its depth and size
/// would be the file's choice; here only what the format allows is ever stored.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderHandler(std::string_view file) : file_(file) {}

  std::vector<HeaderTensor> tensors;
  std::map<std::string, std::string> metadata;

  bool null() override { reject("null"); }
  bool boolean(bool) override { reject("a boolean"); }
  bool number_integer(number_integer_t) override { reject("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    reject("a number that is no 64-bit integer");
  }
  bool binary(binary_t&) override { reject("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::Array) reject("a number");
    check(numbers_->size() < kMaxRank, ErrorCode::CorruptFile,
          "safetensors '{}': tensor '{}': '{}' has more than {} numbers", file_,
          tensors.back().name, key_, kMaxRank);
    numbers_->push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::Metadata) {
      metadata[key_] = std::move(value);
    } else if (place_ == Place::Tensor && key_ == "dtype") {
      tensors.back().dtype = dtype_from_name(value);
      if (!tensors.back().dtype)
        fail_hint(ErrorCode::Unsupported, "save it in Python as float32, float16 or bfloat16",
                  "safetensors '{}': tensor '{}' has dtype '{:.32}', which is not supported", file_,
                  tensors.back().name, value);
    } else {
      reject("a string");
    }
    return true;
  }

  bool key(string_t& value) override {
    key_ = std::move(value);
    bool is_new = true;
    if (place_ == Place::Root) {
      is_new = names_.insert(key_).second;
    } else if (place_ == Place::Metadata) {
      is_new = metadata.count(key_) == 0;
    } else {
      HeaderTensor& tensor = tensors.back();
      if (key_ == "dtype") {
        is_new = !tensor.dtype;
      } else if (key_ == "shape") {
        is_new = !tensor.shape;
      } else if (key_ == "data_offsets") {
        is_new = !tensor.offsets;
      } else {
        fail(ErrorCode::CorruptFile, "safetensors '{}': tensor '{}' has an unknown field '{:.64}'",
             file_, tensor.name, key_);
      }
    }
    check(is_new, ErrorCode::CorruptFile, "safetensors '{}': key '{}' appears twice", file_, key_);
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::Start) {
      place_ = Place::Root;
    } else if (place_ == Place::Root && key_ == kMetadataKey) {
      place_ = Place::Metadata;
    } else if (place_ == Place::Root) {
      place_ = Place::Tensor;
      tensors.emplace_back().name = key_;
    } else {
      reject("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::Tensor) {
      const HeaderTensor& tensor = tensors.back();
      check(tensor.dtype && tensor.shape && tensor.offsets, ErrorCode::CorruptFile,
            "safetensors '{}': tensor '{}' needs dtype, shape and data_offsets", file_,
            tensor.name);
    }
    place_ = place_ == Place::Root ? Place::Done : Place::Root;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::Tensor || key_ == "dtype") reject("an array");
    HeaderTensor& tensor = tensors.back();
    numbers_ = key_ == "shape" ? &tensor.shape.emplace() : &tensor.offsets.emplace();
    place_ = Place::Array;
    return true;
  }

  bool end_array() override {
    place_ = Place::Tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    fail(ErrorCode::CorruptFile, "safetensors '{}': the header is not valid JSON at byte {}", file_,
         position);
  }

 private:
  enum class Place { Start, Root, Metadata, Tensor, Array, Done };

  [[noreturn]] void reject(const char* what) const {
    fail(ErrorCode::CorruptFile, "safetensors '{}': unexpected {} in the header, at key '{:.64}'",
         file_, what, key_);
  }

  std::string_view file_;
  Place place_ = Place::Start;
  std::string key_;
  std::unordered_set<std::string> names_;
  std::vector<uint64_t>* numbers_ = nullptr;
};

/// Checks one tensor against the data section and the end of `previous`, the tensor before it.
TensorEntry make_entry(HeaderTensor& tensor, std::span<const std::byte> data, uint64_t expected,
                       const std::string& previous, std::string_view file) {
  const auto& offsets = *tensor.offsets;
  check(offsets.size() == 2 && offsets[0] <= offsets[1], ErrorCode::CorruptFile,
        "safetensors '{}': tensor '{}': data_offsets must be [begin, end]", file, tensor.name);
  if (offsets[0] < expected)
    fail_hint(
        ErrorCode::CorruptFile,
        "write it again with the library of safetensors, which stores each tensor once",
        "safetensors '{}': tensors '{}' and '{}' overlap: the second starts at {}, expected {}",
        file, previous, tensor.name, offsets[0], expected);
  check(offsets[0] == expected, ErrorCode::CorruptFile,
        "safetensors '{}': tensor '{}' starts at {}, expected {}: the data has a hole", file,
        tensor.name, offsets[0], expected);
  check(offsets[1] <= data.size(), ErrorCode::CorruptFile,
        "safetensors '{}': tensor '{}' ends at {}, but the data section has {} bytes", file,
        tensor.name, offsets[1], data.size());

  TensorEntry entry;
  uint64_t size = dtype_size(*tensor.dtype);
  bool fits = true;
  for (uint64_t extent : *tensor.shape) {
    fits = fits && extent <= INT64_MAX && !__builtin_mul_overflow(size, extent, &size);
    entry.dims.push_back(static_cast<int64_t>(extent));
  }
  check(fits && size == offsets[1] - offsets[0], ErrorCode::CorruptFile,
        "safetensors '{}': tensor '{}' of shape [{}] and dtype {} does not have {} bytes", file,
        tensor.name, fmt::join(*tensor.shape, ", "), dtype_name(*tensor.dtype),
        offsets[1] - offsets[0]);
  entry.name = std::move(tensor.name);
  entry.dtype = *tensor.dtype;
  entry.bytes = data.subspan(offsets[0], size);
  return entry;
}

/// The header's JSON text, with its length checked.
std::string_view header_text(ByteReader& reader) {
  const std::string_view name = reader.name();
  const uint64_t length = reader.read<uint64_t>();
  check(length <= kMaxSafetensorsHeader, ErrorCode::CorruptFile,
        "safetensors '{}': a header of {} bytes, at most {} are allowed: not a safetensors file?",
        name, length, kMaxSafetensorsHeader);
  check(length <= reader.remaining(), ErrorCode::CorruptFile,
        "safetensors '{}' is truncated: a header of {} bytes, {} bytes left", name, length,
        reader.remaining());
  const std::string_view text = as_text(reader.take(length));
  // The JSON parser takes a NUL for the end of its input and skips a byte order mark.
  check(!text.empty() && text[0] == '{' && text.find('\0') == std::string_view::npos,
        ErrorCode::CorruptFile, "safetensors '{}': the header is not a JSON object", name);
  return text;
}

}  // namespace

TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  const std::string_view header = header_text(reader);
  const std::span<const std::byte> data = reader.take(reader.remaining());
  HeaderHandler handler(name);
  nlohmann::json::sax_parse(header.begin(), header.end(), &handler);

  std::vector<HeaderTensor*> in_order;
  for (HeaderTensor& tensor : handler.tensors) in_order.push_back(&tensor);
  std::stable_sort(
      in_order.begin(), in_order.end(),
      [](const HeaderTensor* a, const HeaderTensor* b) { return *a->offsets < *b->offsets; });
  TensorFile file;
  file.metadata = std::move(handler.metadata);
  const auto format = file.metadata.find("format");
  const bool drop_filler = format != file.metadata.end() && format->second == kPlanFormat;
  uint64_t end = 0;
  std::string previous;
  file.tensors.reserve(in_order.size());
  for (HeaderTensor* tensor : in_order) {
    TensorEntry entry = make_entry(*tensor, data, end, previous, name);
    end += entry.bytes.size();
    previous = entry.name;
    if (drop_filler && entry.name.starts_with(kPadPrefix)) continue;
    file.tensors.push_back(std::move(entry));
  }
  check(end == data.size(), ErrorCode::CorruptFile,
        "safetensors '{}': the tensors cover {} of the {} bytes of data", name, end, data.size());
  return file;
}

TensorFile read_safetensors(std::shared_ptr<const MappedFile> file) {
  TensorFile result = parse_safetensors(file->bytes(), file->path());
  result.owners.push_back(std::move(file));
  return result;
}

}  // namespace vitro
