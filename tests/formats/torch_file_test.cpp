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
  EXPECT_EQ(values(find(file, prefix + "norm.weight")), ramp(4));
  EXPECT_EQ(find(file, prefix + "head.weight").dims, (Dims{3, 4}));
  EXPECT_EQ(values(find(file, prefix + "head.weight")), ramp(12));
  EXPECT_EQ(values(find(file, prefix + "head.bias")), ramp(3));
}

const OtherEntry& find_other(const TensorFile& file, const std::string& name) {
  for (const OtherEntry& other : file.others)
    if (other.name == name) return other;
  throw Error(ErrorCode::NotFound, "no entry " + name);
}

TEST(TorchFile, ReadsEveryWrapperAndProtocol) {
  for (const char* name : {"plain.pth", "protocol4.pth", "protocol5.pth", "legacy.pth"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(read(name).tensors.size(), 3u);
    expect_state_dict(read(name));
  }
  expect_state_dict(read("state_dict_module.pth"), "state_dict.module.");
  expect_state_dict(read("model_ema.pth"), "model_ema.");
  expect_state_dict(read("training.pth"), "model.");
  expect_state_dict(read("nested.pth"), "model.backbone.");
  expect_state_dict(read("subclass.pth"), "model.");
  EXPECT_EQ(read("batch_norm.pth").tensors.size(), 5u);
}

TEST(TorchFile, ReadsAllThatHangsOnTheRoot) {
  const TensorFile file = read("mixed.pth");
  expect_state_dict(file, "0.net.");
  EXPECT_EQ(values(find(file, "0.7")), ramp(1));
  EXPECT_EQ(find_other(file, "1.lr").kind, OtherEntry::Kind::Data);
  EXPECT_EQ(find_other(file, "1.s").kind, OtherEntry::Kind::Array);
  EXPECT_NE(find_other(file, "1.s").problem.find("mixed.pth': tensor '1.s' is sparse"),
            std::string::npos);

  const TensorFile training = read("training.pth");
  EXPECT_EQ(find(training, "optimizer.state.0.exp_avg").dims, (Dims{2, 2}));
  for (const char* name : {"epoch", "best", "huge", "names", "args"})
    EXPECT_EQ(find_other(training, name).kind, OtherEntry::Kind::Data) << name;
}

TEST(TorchFile, ReadsPickledModulesByTheNamesOfTheirStateDict) {
  const TensorFile file = read("pickled_module.pth");
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(find(file, "weight").dims, (Dims{2, 2}));
  const TensorFile legacy = read("legacy_module.pth");
  EXPECT_EQ(values(find(legacy, "model.weight")), ramp(12));
  EXPECT_EQ(values(find(legacy, "model.bias")), ramp(3));
  EXPECT_EQ(find(legacy, "model.inner.weight").dims, (Dims{1, 1}));
}

TEST(TorchFile, NamesTheLayersThatAreQuantized) {
  const TensorFile file = read("quantized_module.pth");
  EXPECT_EQ(find_other(file, "layers.0").kind, OtherEntry::Kind::Array);
  EXPECT_NE(find_other(file, "layers.0").problem.find("the layer 'layers.0' is quantized"),
            std::string::npos);
}

TEST(TorchFile, ReadsPartsOfStoragesOfTheLegacyFormat) {
  const TensorFile file = read("legacy_views.pth");
  EXPECT_EQ(values(find(file, "whole")), ramp(12));
  EXPECT_EQ(values(find(file, "half")), ramp(4));
  EXPECT_EQ(find(file, "half").dtype, DType::Float16);
  EXPECT_EQ(values(find(file, "part")), (std::vector<float>{2.5f, 3.5f, 3.0f, 4.0f}));
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

// The imaginary parts of [2, 3] complex numbers, in a view with a flag that negates them.
TEST(TorchFile, NegatesNegativeViews) {
  const TensorFile file = read("negative.pth");
  EXPECT_EQ(find(file, "n").dims, (Dims{2, 3}));
  EXPECT_EQ(values(find(file, "n")),
            (std::vector<float>{-0.5f, -1.5f, -2.5f, -3.5f, -4.5f, -5.5f}));
}

TEST(TorchFile, SaysWhatAFileIsInstead) {
  expect_error(ErrorCode::Unsupported, "holds no tensors", [] { read("no_tensors.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 'c' has type 'torch.ComplexFloatStorage'",
               [] { read("complex.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 's' is sparse", [] { read("sparse.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 'q' is quantized", [] { read("quantized.pth"); });
  expect_error(ErrorCode::Unsupported, "tensor 'm' has a shape but no values",
               [] { read("meta.pth"); });
  expect_error(ErrorCode::Unsupported, "'a' is a NumPy array, expected a tensor of PyTorch (and 1 ",
               [] { read("numpy.pth"); });
  expect_error(ErrorCode::Unsupported, "archive of NumPy arrays", [] { read("arrays.npz"); });
  expect_error(ErrorCode::Unsupported, "is a TorchScript archive", [] { read("script.pth"); });
  for (const char* name : {"plain.pkl", "plain0.pkl"})
    expect_error(ErrorCode::Unsupported, "is a plain pickle", [&] { read(name); });
  expect_error(ErrorCode::CorruptFile, "'x' is empty", [] { parse_torch_file({}, "x"); });
  expect_error(ErrorCode::CorruptFile, "no ZIP archive",
               [] { parse_torch_file(as_byte_span("garbage"), "x"); });
  expect_error(ErrorCode::Unsupported, "a plain pickle",
               [] { parse_torch_file(as_byte_span("\x80\x04N."), "x"); });
  try {
    read("script.pth");
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("torch.jit.load(path).state_dict()"), std::string::npos);
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
  // The parts of storages and the number of elements of the last storage of the legacy format.
  refuse(corrupt, "a storage of 9 F32 does not fit into the 48 bytes of '7'",
         edited("legacy_views.pth", "K\4K\6\x87", "K\4K\11\x87"));
  refuse(corrupt, "storage 9 has 5 elements, 8 bytes are left",
         edited("legacy_views.pth", std::string_view("\4\0\0\0\0\0\0\0", 8),
                std::string_view("\5\0\0\0\0\0\0\0", 8)));
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
  for (const char* name : {"plain.pth", "views.pth", "training.pth", "dtypes.pth", "mixed.pth",
                           "legacy_views.pth", "legacy_module.pth"}) {
    const auto valid = read_file(fixture(name), 1 << 20);
    test::expect_mutations_are_harmless(parse, valid, 3000);
  }
  for (const char* name : {"plain.pth", "legacy_views.pth"})
    test::expect_all_truncations_fail(parse, read_file(fixture(name), 1 << 20));
  test::expect_garbage_fails(parse);
}

}  // namespace
}  // namespace vitro
