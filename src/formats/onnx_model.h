#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "core/mmap_file.h"
#include "vitro/tensor.h"

// An ONNX file as it is written: onnx.proto without what no reader of models needs. Texts and
// elements are views of the file.
namespace vitro::onnx {

using Ints = std::vector<int64_t>;

/// TensorProto.DataType.
enum class ElementType : int32_t {
  Undefined = 0,
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  UInt32 = 12,
  UInt64 = 13,
  BFloat16 = 16,
  Float8E4M3 = 17,
  Float8E5M2 = 19,
};
/// "FLOAT", "type 21".
std::string element_name(ElementType type);
/// Nothing for a type whose elements Vitro cannot hold: strings, complex numbers, 4 bits.
std::optional<DType> dtype_of(ElementType type);

struct Tensor {
  std::string_view name;
  Ints dims;
  ElementType type{};
  std::optional<std::span<const std::byte>> raw;  ///< dense, little-endian
  /// The fields for elements of one type each; at most one of them may be there.
  std::vector<std::span<const std::byte>> floats, doubles;  ///< pieces of little-endian elements
  Ints ints;                                                ///< int32_data, int64_data, uint64_data
  bool has_strings = false, is_segment = false, is_external = false;
  std::map<std::string_view, std::string_view> external;  ///< location, offset, length, ...
};

struct Graph;

struct Attribute {
  enum Type : int32_t { kFloat = 1, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings };
  std::string_view name;
  int32_t type = 0;  ///< of Type, or another one of AttributeType; 0 in files of the first versions
  float f = 0;
  int64_t i = 0;
  std::string_view s, reference;  ///< reference: the attribute of the function that it stands for
  std::vector<float> floats;
  Ints ints;
  std::vector<std::string_view> strings;
  std::shared_ptr<const Tensor> tensor;
  std::shared_ptr<const Graph> graph;
  bool is_other = false;  ///< lists of tensors or graphs, sparse tensors, types
};

struct Node {
  std::string_view name, op, domain, overload;
  std::vector<std::string_view> inputs, outputs;  ///< "": not given
  std::vector<Attribute> attributes;
};

struct Extent {
  std::optional<int64_t> value;
  std::string_view symbol;  ///< dim_param
};

struct ValueInfo {
  std::string_view name;
  bool is_tensor = false;  ///< and no sequence, map or optional
  ElementType type{};
  std::optional<std::vector<Extent>> shape;
};

struct Graph {
  std::string_view name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<std::string_view> sparse_initializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct Opset {
  std::string_view domain;
  int64_t version = 0;
};

struct Function {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::vector<Opset> opsets;
};

struct Model {
  int64_t ir_version = 0;
  std::string_view producer, producer_version;
  std::vector<Opset> opsets;
  std::map<std::string_view, std::string_view> metadata;
  Graph graph;
  std::vector<Function> functions;
};

/// Whether bytes may be an ONNX file: the first field is ir_version, or one that every exporter
/// writes early.
bool looks_like_onnx(std::span<const std::byte> bytes);

/// Reads a ModelProto; the result is views of `bytes`. Nesting and the number of entries are
/// bounded, unknown fields skipped. Throws CorruptFile naming the offset and the field, OutOfMemory
/// for too many entries. `name` is what errors call the file.
Model parse_model(std::span<const std::byte> bytes, std::string_view name);
/// One TensorProto, as the test data of ONNX are.
Tensor parse_tensor(std::span<const std::byte> bytes, std::string_view name);

/// The elements of tensors, of whatever field or file they are in.
class TensorData {
 public:
  /// `model` is the path of the model, in whose folder external data must lie; `file` has its
  /// bytes.
  explicit TensorData(std::filesystem::path model, std::shared_ptr<const MappedFile> file = nullptr)
      : model_(std::move(model)), file_(std::move(file)) {}
  /// A file of external data that is open already; it need not lie anywhere.
  void add_external(std::string location, std::shared_ptr<const MappedFile> file) {
    files_[std::move(location)].mapped = std::move(file);
  }

  /// Dense, little-endian, of any alignment: a view of the file where it has them so, else decoded
  /// into `storage`. Of external data, location, offset and length count; other keys say nothing.
  /// Throws CorruptFile (dims and elements that do not fit, elements twice, external data outside
  /// of the file, or far more of it than the file has), InvalidArgument (a location that is
  /// absolute, leads out of the model's folder, over a link, or to something that is no file of its
  /// own), NotFound and Unsupported (strings, segments, types that Vitro does not have), all naming
  /// the tensor.
  std::span<const std::byte> elements(const Tensor& tensor, std::vector<std::byte>& storage);
  /// The pages of elements that were copied are not needed in memory any more.
  void drop_pages(std::span<const std::byte> elements) const;

 private:
  struct ExternalFile {
    std::shared_ptr<const MappedFile> mapped;
    std::set<const Tensor*> readers;
    uint64_t bytes_read = 0;  ///< by all of them
  };

  std::span<const std::byte> external(const Tensor& tensor, size_t size);
  ExternalFile& open(const Tensor& tensor, std::string_view location);

  std::filesystem::path model_;
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, ExternalFile, std::less<>> files_;  ///< by location
};

}  // namespace vitro::onnx
