#include "frontend/checkpoint/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/byte_reader.h"
#include "core/check.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"

namespace vitro {
namespace {

constexpr const char* kUnpack = "unpack it first";
constexpr const char* kPictureBehind =
    "the model comes before pictures: vitro classify MODEL IMAGE...";

/// Formats of others, by the bytes that they have at one place.
struct OtherFormat {
  size_t offset;
  std::string_view magic;
  const char* what;
  const char* hint;
};
constexpr std::array<OtherFormat, 16> kOtherFormats = {{
    {0, "GGUF", "a GGUF file", kUnderstoodFormats},
    {0, "\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them", kUnderstoodFormats},
    {0, "\x93NUMPY", "a NumPy array", kUnderstoodFormats},
    {4, "TFL3", "a TensorFlow Lite model", kUnderstoodFormats},
    {4, "ET12", "an ExecuTorch program", kUnderstoodFormats},
    {0, "\x1f\x8b", "compressed with gzip", kUnpack},
    {0, "BZh", "compressed with bzip2", kUnpack},
    {0,
     "\xfd"
     "7zXZ",
     "compressed with xz", kUnpack},
    {0, "\x28\xb5\x2f\xfd", "compressed with zstd", kUnpack},
    {0, "7z\xbc\xaf\x27\x1c", "a 7z archive", kUnpack},
    {0, "Rar!", "a RAR archive", kUnpack},
    {257, "ustar", "a tar archive", kUnpack},
    {0, "\x89PNG", "a picture", kPictureBehind},
    {0, "\xff\xd8\xff", "a picture", kPictureBehind},
    {0, "GIF8", "a picture", kPictureBehind},
    {8, "WEBP", "a picture", kPictureBehind},
}};

void refuse_other_formats(const MappedFile& file) {
  const std::string_view text = as_text(file.bytes());
  for (const OtherFormat& format : kOtherFormats)
    if (text.size() > format.offset && text.substr(format.offset).starts_with(format.magic))
      fail_hint(ErrorCode::Unsupported, format.hint, "'{}' is {}, expected a model", file.path(),
                format.what);
}

bool is_torch_extension(const std::string& extension) {
  constexpr std::array<std::string_view, 7> kExtensions{".pth", ".pt",  ".bin",   ".ckpt",
                                                        ".tar", ".pkl", ".pickle"};
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::string first_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min<size_t>(bytes.size(), 8)))
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", std::to_integer<unsigned>(byte));
  return text;
}

/// Whether the text starts as a page or a document of errors that a server sends.
bool looks_like_a_page(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  std::string start(text.substr(first, 16));
  std::transform(start.begin(), start.end(), start.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return start.starts_with("<!doctype") || start.starts_with("<html") ||
         start.starts_with("<head") || start.starts_with("<?xml") || start.starts_with("<error");
}

TensorFile read_non_plan_safetensors(std::shared_ptr<const MappedFile> file) {
  const std::string path = file->path();
  TensorFile result = read_safetensors(std::move(file));
  const auto format = result.metadata.find("format");
  if (format != result.metadata.end() && format->second == kPlanFormat)
    fail_hint(ErrorCode::InvalidArgument, "give the checkpoint that the plan was built from",
              "'{}' is a Vitro plan, expected a checkpoint", path);
  return result;
}

}  // namespace

void refuse_failed_download(const MappedFile& file) {
  const std::string_view text = as_text(file.bytes());
  if (text.starts_with("version https://git-lfs"))
    fail_hint(ErrorCode::CorruptFile, "fetch the content with: git lfs pull",
              "'{}' is a Git LFS pointer, not the file it stands for", file.path());
  if (looks_like_a_page(text))
    fail_hint(ErrorCode::CorruptFile, "download it again: a server's page was saved instead",
              "'{}' is an HTML or XML page, not a model", file.path());
}

TensorFile read_checkpoint_file(std::shared_ptr<const MappedFile> file) {
  const std::string_view text = as_text(file->bytes());
  const std::string extension = std::filesystem::path(file->path()).extension().string();
  check(!text.empty(), ErrorCode::CorruptFile, "'{}' is empty, expected a model", file->path());
  // The header length may hold any byte, a ZIP signature or a pickle's 0x80 included, so the
  // brace is asked first; the eighth byte of the others is never one.
  if (text.size() > 8 && text[8] == '{') return read_non_plan_safetensors(std::move(file));
  if (text.starts_with("PK") || text.starts_with('\x80')) return read_torch_file(std::move(file));
  refuse_failed_download(*file);
  refuse_other_formats(*file);
  // The readers say best what is wrong with a file that claims to be theirs.
  if (extension == ".safetensors") return read_non_plan_safetensors(std::move(file));
  if (is_torch_extension(extension)) return read_torch_file(std::move(file));
  fail_hint(ErrorCode::Unsupported, kUnderstoodFormats,
            "'{}': unknown model format ({} bytes that begin with {})", file->path(), text.size(),
            first_bytes(file->bytes()));
}

}  // namespace vitro
