#include <gtest/gtest.h>

#include "core/temporary_directory.h"
#include "formats/hostile.h"
#include "formats/onnx_bytes.h"
#include "formats/onnx_model.h"
#include "formats/safetensors.h"

// Bytes that are no model, and tensors that are none. Graphs: tests/frontend/onnx_hostile_test.cpp.
namespace vitro::onnx {
namespace {

using test::Message;

void parse(std::span<const std::byte> bytes) { parse_model(bytes, "m.onnx"); }

/// Parses a model and takes the elements of its initialisers.
void read_all(std::span<const std::byte> bytes) {
  const Model model = parse_model(bytes, "m.onnx");
  TensorData data("m.onnx");
  std::vector<std::byte> storage;
  for (const Tensor& tensor : model.graph.initializers) data.elements(tensor, storage);
}

struct Refused {
  const char* name;
  ErrorCode code;
  const char* text;
  Message bytes;
};
void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }
std::string name_of(const testing::TestParamInfo<Refused>& info) { return info.param.name; }

// ---- Files ----------------------------------------------------------------------------------

/// A graph in a node of a graph in a node ..., from the inside out.
Message nested(int depth) {
  std::vector<std::string> fields;
  size_t size = 0;
  const auto wrap = [&](uint32_t field) {
    Message prefix;
    prefix.integer(field, 0);
    std::string bytes = prefix.text().substr(0, prefix.text().size() - 1);
    bytes.back() = static_cast<char>(bytes.back() | 2);  // of the type that has a length
    for (size_t rest = size;; rest >>= 7) {
      bytes += static_cast<char>((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
      if (rest < 0x80) break;
    }
    size += bytes.size();
    fields.push_back(std::move(bytes));
  };
  for (int i = 0; i < depth; ++i)
    for (const uint32_t field : {6, 5, 1}) wrap(field);  // g, attribute, node
  std::string text;
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) text += *field;
  return Message().bytes(7, text);
}

Message many_nodes(int count) {
  std::string nodes;
  for (int i = 0; i < count; ++i) nodes += std::string("\x0a\x00", 2);
  return Message().bytes(7, nodes);
}

std::vector<Refused> bad_files() {
  using enum ErrorCode;
  const auto text = [](const std::string& bytes) {
    Message message;
    message.append(bytes);
    return message;
  };
  return {
      {"empty", CorruptFile, "0 bytes without a ModelProto.graph", Message()},
      {"without_a_graph", CorruptFile, "without a ModelProto.graph", Message().integer(1, 8)},
      {"with_two_graphs", CorruptFile, "several", Message().bytes(7, "").bytes(7, "")},
      {"length_beyond_the_file", CorruptFile, "127 bytes wanted, 3 are left",
       text("\x3a\x7f"
            "abc")},
      {"length_of_64_bits", CorruptFile, "bytes wanted",
       text("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"length_without_an_end", CorruptFile, "",
       text("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
      {"graph_that_is_a_number", CorruptFile, "ModelProto.graph near byte",
       Message().integer(7, 1)},
      {"op_that_is_a_number", CorruptFile, "NodeProto.op_type",
       Message().add(7, Message().add(1, Message().integer(4, 1)))},
      {"field_without_a_number", CorruptFile, "", text(std::string("\x02\x00", 2))},
      {"group", CorruptFile, "", text("\x3b\x3c")},
      {"nested_65_deep", CorruptFile, "nested more than 64 deep", nested(65)},
      {"nested_100000_deep", CorruptFile, "nested more than 64 deep", nested(100'000)},
      {"two_million_nodes", OutOfMemory, "more nodes", many_nodes(2'200'000)},
  };
}

class OnnxFiles : public testing::TestWithParam<Refused> {};
TEST_P(OnnxFiles, AreRefusedByName) {
  test::expect_error(GetParam().code, GetParam().text, [] { parse(GetParam().bytes.span()); });
}
INSTANTIATE_TEST_SUITE_P(Bad, OnnxFiles, testing::ValuesIn(bad_files()), name_of);

/// A small network as PyTorch writes it.
std::span<const std::byte> real_model() {
  static const TensorFile file = read_safetensors(
      MappedFile::open(VITRO_SOURCE_DIR "/tests/ops/data/onnx_exports.safetensors"));
  return std::find_if(file.tensors.begin(), file.tensors.end(),
                      [](const TensorEntry& tensor) { return tensor.name == "resnet_14/model"; })
      ->bytes;
}

TEST(OnnxFile, MayBeCutAnywhere) {
  ASSERT_TRUE(test::parses(read_all, real_model()));
  for (size_t part = 0; part < 64; ++part)
    test::parses(read_all, real_model().first(real_model().size() * part / 64));
}

TEST(OnnxFile, MayHaveAnyByteChanged) {
  test::expect_mutations_are_harmless(read_all, real_model(), 10'000);
}

TEST(OnnxFile, MayBeNoise) {
  test::expect_garbage_fails(parse);
  std::mt19937 random(3);
  for (size_t size = 1; size <= size_t{16} << 20; size *= 8) {
    std::vector<std::byte> bytes(size);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
    EXPECT_FALSE(test::parses(parse, bytes)) << size << " bytes of noise";
  }
}

// ---- Tensors ---------------------------------------------------------------------------------

Message dims(const std::vector<int64_t>& extents, int64_t type) {
  Message tensor;
  for (const int64_t extent : extents) tensor.integer(1, extent);
  return tensor.integer(2, type).bytes(8, "w");
}

std::vector<Refused> bad_tensors() {
  using enum ErrorCode;
  const int64_t large = int64_t{1} << 30;
  const std::string four(4, '\0');
  return {
      {"extent_below_0", CorruptFile, "extent -1 is negative", dims({-1}, 1).bytes(9, four)},
      {"extents_that_overflow", CorruptFile, "overflow",
       dims({large, large, large}, 1).bytes(9, four)},
      {"extents_that_wrap_to_4_bytes", CorruptFile, "overflow",
       dims({large, large, 16, int64_t{1} << 62}, 1).bytes(9, four)},
      {"elements_of_none", CorruptFile, "raw_data has 4 bytes, expected 0",
       dims({0}, 1).bytes(9, four)},
      {"too_few_bytes", CorruptFile, "raw_data has 4 bytes, expected 8",
       dims({2}, 1).bytes(9, four)},
      {"too_many_bytes", CorruptFile, "raw_data has 4 bytes, expected 2",
       dims({1}, 10).bytes(9, four)},
      {"without_elements", CorruptFile, "", dims({2}, 1)},
      {"too_few_numbers", CorruptFile, "float_data has 4 bytes", dims({2}, 1).number(4, 1)},
      {"too_many_integers", CorruptFile, "2 integers, expected 1",
       dims({1}, 7).integer(7, 1).integer(7, 1)},
      {"elements_in_two_fields", CorruptFile, "in 2 fields",
       dims({1}, 1).bytes(9, four).number(4, 1)},
      {"floats_of_doubles", CorruptFile, "float_data of DOUBLE", dims({1}, 11).number(4, 1)},
      {"integers_of_floats", CorruptFile, "integers of FLOAT", dims({1}, 1).integer(7, 1)},
      {"strings", Unsupported, "STRING", dims({1}, 8).bytes(6, "text")},
      {"strings_in_numbers", Unsupported, "FLOAT", dims({1}, 1).bytes(6, "text")},
      {"complex_numbers", Unsupported, "type 14", dims({1}, 14).bytes(9, four + four)},
      {"four_bits", Unsupported, "type 22", dims({2}, 22).bytes(9, four)},
      {"of_no_type", Unsupported, "type 0", dims({1}, 0).bytes(9, four)},
      {"of_an_unknown_type", Unsupported, "type 99", dims({1}, 99).bytes(9, four)},
      {"in_segments", Unsupported, "in segments", dims({1}, 1).bytes(3, "").bytes(9, four)},
  };
}

class OnnxTensors : public testing::TestWithParam<Refused> {};
TEST_P(OnnxTensors, AreRefusedByName) {
  test::expect_error(GetParam().code, GetParam().text, [] {
    TensorData data("m.onnx");
    std::vector<std::byte> storage;
    data.elements(parse_tensor(GetParam().bytes.span(), "t"), storage);
  });
}
INSTANTIATE_TEST_SUITE_P(Bad, OnnxTensors, testing::ValuesIn(bad_tensors()), name_of);

}  // namespace
}  // namespace vitro::onnx
