#include "formats/torch_file.h"

#include <gtest/gtest.h>

#include "core/byte_reader.h"
#include "core/convert.h"
#include "core/file_io.h"
#include "core/temporary_directory.h"
#include "formats/hostile.h"

// The fixtures are made by tools/make_checkpoint_fixtures.py, which has the same formulas.
namespace vitro {
namespace {

using test::expect_error;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "tests/formats/data" / name;
}

TensorFile read(const std::string& name) {
  return read_torch_file(MappedFile::open(fixture(name)));
}

const TensorEntry& find(const TensorFile& file, const std::string& name) {
  for (const TensorEntry& tensor : file.tensors) {
    if (tensor.name == name) return tensor;
  }
  throw Error(ErrorCode::NotFound, "no tensor " + name);
}

std::vector<float> values(const TensorEntry& tensor) {
  std::vector<float> result(static_cast<size_t>(num_elements(tensor.dims)));
  to_float32(tensor.dtype, tensor.bytes, result.data());
  return result;
}

/// 0, 0.5, 1, ...
std::vector<float> ramp(size_t count) {
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i) result[i] = 0.5f * static_cast<float>(i);
  return result;
}

void expect_state_dict(const TensorFile& file, const std::string& prefix = "") {
  ASSERT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(file.tensors[0].name, prefix + "norm.weight");
  EXPECT_EQ(values(file.tensors[0]), ramp(4));
  EXPECT_EQ(file.tensors[1].name, prefix + "head.weight");
  EXPECT_EQ(file.tensors[1].dims, (Dims{3, 4}));
  EXPECT_EQ(values(file.tensors[1]), ramp(12));
  EXPECT_EQ(file.tensors[2].name, prefix + "head.bias");
  EXPECT_EQ(values(file.tensors[2]), ramp(3));
}

TEST(TorchFile, ReadsEveryWrapperAndProtocol) {
  for (const char* name : {"plain.pth", "protocol4.pth", "protocol5.pth", "state_dict_module.pth",
                           "model_ema.pth", "training.pth"}) {
    SCOPED_TRACE(name);
    expect_state_dict(read(name));
  }
  expect_state_dict(read("nested.pth"), "backbone.");
  EXPECT_EQ(read("batch_norm.pth").tensors.size(), 5u);
}

TEST(TorchFile, ReadsEveryType) {
  const TensorFile file = read("dtypes.pth");
  for (const char* name : {"f32", "f16", "bf16", "f64"}) {
    EXPECT_EQ(values(find(file, name)), ramp(6)) << name;
  }
  EXPECT_EQ(find(file, "f16").dtype, DType::Float16);
  EXPECT_EQ(find(file, "bf16").dtype, DType::BFloat16);
  EXPECT_EQ(find(file, "i64").bytes[0], std::byte{7});
  EXPECT_TRUE(find(file, "i64").dims.empty());
  EXPECT_EQ(find(file, "bool").dtype, DType::Bool);
  EXPECT_EQ(as_text(find(file, "u8").bytes), std::string_view("\0\1\2", 3));
  EXPECT_EQ(find(file, "i16").bytes.size(), 6u);
  EXPECT_EQ(find(file, "empty").dims, (Dims{0, 3}));
  EXPECT_TRUE(find(file, "empty").bytes.empty());
}

TEST(TorchFile, GathersViewsAndSharesStorages) {
  const TensorFile file = read("views.pth");
  const std::vector<float> base = ramp(24);  // [4, 6]
  const auto transposed = values(find(file, "transposed"));
  for (size_t row = 0; row < 4; ++row) {
    for (size_t column = 0; column < 6; ++column) {
      EXPECT_EQ(transposed[column * 4 + row], base[row * 6 + column]);
    }
  }
  EXPECT_EQ(values(find(file, "strided")),
            (std::vector<float>{base[6], base[9], base[18], base[21]}));
  EXPECT_EQ(values(find(file, "offset")), (std::vector<float>(&base[12], &base[18])));
  EXPECT_EQ(values(find(file, "whole")), base);
  EXPECT_EQ(find(file, "offset").bytes.data(), find(file, "whole").bytes.data() + 12 * 4);
  EXPECT_EQ(values(find(file, "expanded")), (std::vector<float>{0, 0, 0, 0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(values(find(file, "annotated")), ramp(4));
}

TEST(TorchFile, OutlivesTheMap) {
  TensorFile file;
  {
    const auto map = MappedFile::open(fixture("views.pth"));
    file = read_torch_file(map);
  }
  EXPECT_EQ(values(find(file, "whole")), ramp(24));
}

TEST(TorchFile, NeverRunsAPickle) {
  const test::TemporaryDirectory directory;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  expect_error(ErrorCode::Unsupported, "refuses to run 'posix.system'",
               [] { read("malicious.pth"); });
  expect_error(ErrorCode::Unsupported, "refuses to run 'builtins.eval'",
               [] { read("malicious_eval.pth"); });
  std::filesystem::current_path(before);
  EXPECT_TRUE(directory.entries().empty());
}

TEST(TorchFile, SaysWhatAFileIsInstead) {
  expect_error(ErrorCode::Unsupported, "legacy format", [] { read("legacy.pth"); });
  expect_error(ErrorCode::Unsupported, "holds no tensors", [] { read("no_tensors.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 'c' has type 'torch.ComplexFloatStorage'",
               [] { read("complex.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 'n' is a view with the flag 'neg'",
               [] { read("negative.pth"); });
  expect_error(ErrorCode::Unsupported, "'s' is rebuilt by 'torch._utils._rebuild_sparse_tensor'",
               [] { read("sparse.pth"); });
  expect_error(ErrorCode::Unsupported, "class torch.nn.modules.linear.Linear",
               [] { read("pickled_module.pth"); });
  expect_error(ErrorCode::CorruptFile, "'x' is empty", [] { parse_torch_file({}, "x"); });
  expect_error(ErrorCode::CorruptFile, "no ZIP archive",
               [] { parse_torch_file(as_byte_span("garbage"), "x"); });
  expect_error(ErrorCode::Unsupported, "a plain pickle",
               [] { parse_torch_file(as_byte_span("\x80\x04N."), "x"); });
  try {
    read("legacy.pth");
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("_use_new_zipfile_serialization=True"), std::string::npos);
  }
}

/// plain.pth with `from` replaced by the same number of bytes.
std::vector<std::byte> edited(const std::string& name, std::string_view from, std::string_view to) {
  auto content = read_file(fixture(name), 1 << 20);
  std::string text(as_text(content));
  EXPECT_EQ(from.size(), to.size());
  const size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos);
  text.replace(position, from.size(), to);
  const auto bytes = as_byte_span(text);
  return {bytes.begin(), bytes.end()};
}

TEST(TorchFile, BoundsTensorsByTheirStorages) {
  const auto refuse = [](ErrorCode code, const std::string& text,
                         const std::vector<std::byte>& bytes) {
    expect_error(code, text, [&] { parse_torch_file(bytes, "x"); });
  };
  const auto corrupt = ErrorCode::CorruptFile;
  // K 4 t: the number of elements of the first storage.
  refuse(corrupt, "a storage of 5 F32 does not fit into the 16 bytes",
         edited("plain.pth", "K\4t", "K\5t"));
  // K 0 K 4 0x85: offset and shape of the first tensor.
  refuse(corrupt, "reaches out of its storage of 4", edited("plain.pth", "K\4\x85", "K\5\x85"));
  refuse(corrupt, "malformed storage", edited("plain.pth", "K\4t", "N0t"));
  refuse(corrupt, "'plain/data.pkl'", edited("plain.pth", "plain/data.pklFB", "plain/data.pkmFB"));
  refuse(ErrorCode::Unsupported, "big-endian", edited("plain.pth", "little", "bigger"));
}

TEST(TorchFile, SurvivesHostileBytes) {
  const test::Parse parse = [](std::span<const std::byte> bytes) {
    const TensorFile file = parse_torch_file(bytes, "x");
    for (const TensorEntry& tensor : file.tensors) {  // every byte must be readable
      size_t sum = 0;
      for (std::byte value : tensor.bytes) sum += static_cast<size_t>(value);
      EXPECT_LE(sum, tensor.bytes.size() * 255);
    }
  };
  for (const char* name : {"plain.pth", "views.pth", "training.pth", "dtypes.pth"}) {
    const auto valid = read_file(fixture(name), 1 << 20);
    test::expect_mutations_are_harmless(parse, valid, 3000);
  }
  test::expect_all_truncations_fail(parse, read_file(fixture("plain.pth"), 1 << 20));
  test::expect_garbage_fails(parse);
}

}  // namespace
}  // namespace vitro
