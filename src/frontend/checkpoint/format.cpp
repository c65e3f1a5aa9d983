#include "frontend/checkpoint/format.h"

#include <fmt/format.h>

#include <algorithm>
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

constexpr const char* kUnderstood =
    "understood are .safetensors and PyTorch .pth, .pt and .bin files (torch 1.6 or later)";

bool is_torch_extension(const std::string& extension) {
  return extension == ".pth" || extension == ".pt" || extension == ".bin" || extension == ".ckpt" ||
         extension == ".tar";
}

/// An ONNX file is a protobuf message that starts with ir_version (field 1, a small number),
/// followed by producer_name (field 2) in the files of every exporter.
bool looks_like_onnx(std::string_view text) {
  return text.size() > 3 && text[0] == '\x08' && text[1] > 0 && text[1] < 32 && text[2] == '\x12';
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

/// What a download leaves behind when it went wrong.
void refuse_failed_download(const MappedFile& file) {
  const std::string_view text = as_text(file.bytes());
  if (text.starts_with("version https://git-lfs"))
    fail_hint(ErrorCode::CorruptFile, "fetch the content with: git lfs pull",
              "'{}' is a Git LFS pointer, not the file it stands for", file.path());
  if (looks_like_a_page(text))
    fail_hint(ErrorCode::CorruptFile, "download it again: a server's page was saved instead",
              "'{}' is an HTML or XML page, not a model", file.path());
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

TensorFile read_checkpoint_file(std::shared_ptr<const MappedFile> file) {
  const std::string_view text = as_text(file->bytes());
  const std::string extension = std::filesystem::path(file->path()).extension().string();
  check(!text.empty(), ErrorCode::CorruptFile, "'{}' is empty, expected a model", file->path());
  // The header length may hold any byte, a ZIP signature or a pickle's 0x80 included, so the
  // brace is asked first; the eighth byte of the others is never one.
  if (text.size() > 8 && text[8] == '{') return read_non_plan_safetensors(std::move(file));
  if (text.starts_with("PK") || text.starts_with('\x80')) return read_torch_file(std::move(file));
  if (extension == ".onnx" || looks_like_onnx(text))
    fail_hint(ErrorCode::Unsupported, kUnderstood, "'{}': ONNX is not supported yet", file->path());
  refuse_failed_download(*file);
  // The readers say best what is wrong with a file that claims to be theirs.
  if (extension == ".safetensors") return read_non_plan_safetensors(std::move(file));
  if (is_torch_extension(extension)) return read_torch_file(std::move(file));
  fail_hint(ErrorCode::Unsupported, kUnderstood,
            "'{}': unknown model format ({} bytes that begin with {})", file->path(), text.size(),
            first_bytes(file->bytes()));
}

}  // namespace vitro
