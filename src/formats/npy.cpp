#include "formats/npy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/mmap_file.h"

namespace vitro {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr uint64_t kMaxHeader = 1 << 16;
constexpr size_t kMaxRank = 64;

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims shape;
};

/// Parses the header: a Python dict literal with the keys descr, fortran_order and shape.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Header parse() {
    Header header;
    int seen = 0;  // one bit per key
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      const int bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
      if (bit == 0 || (seen & bit) != 0) reject();
      seen |= bit;
      if (bit == 1) header.descr = quoted();
      if (bit == 2) header.fortran_order = boolean();
      if (bit == 4) header.shape = tuple();
      if (!accept(',') && peek() != '}') reject();
    }
    if (seen != 7 || peek() != '\0') reject();
    return header;
  }

 private:
  [[noreturn]] void reject() const {
    fail(ErrorCode::CorruptFile, "npy '{}': the header is not valid at byte {}", file_, position_);
  }

  /// The next character that is no space; NUL at the end.
  char peek() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) {
      ++position_;
    }
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  bool accept(char c) {
    if (peek() != c) return false;
    ++position_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) reject();
  }

  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') reject();
    const size_t begin = position_ + 1;
    const size_t end = text_.find(quote, begin);
    if (end == std::string_view::npos) reject();
    position_ = end + 1;
    return std::string(text_.substr(begin, end - begin));
  }

  bool boolean() {
    const bool value = peek() == 'T';
    const std::string_view word = value ? "True" : "False";
    if (!text_.substr(position_).starts_with(word)) reject();
    position_ += word.size();
    return value;
  }

  Dims tuple() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      if (dims.size() == kMaxRank || peek() == '-') reject();
      int64_t extent = 0;
      const auto [end, error] =
          std::from_chars(text_.data() + position_, text_.data() + text_.size(), extent);
      if (error != std::errc()) reject();
      position_ = static_cast<size_t>(end - text_.data());
      dims.push_back(extent);
      if (!accept(',') && peek() != ')') reject();
    }
    return dims;
  }

  std::string_view text_;
  std::string_view file_;
  size_t position_ = 0;
};

Header read_header(ByteReader& reader) {
  const std::string_view name = reader.name();
  const bool has_magic = reader.remaining() >= kMagic.size();
  if (!has_magic || as_text(reader.take(kMagic.size())) != kMagic)
    fail_hint(ErrorCode::CorruptFile, "numpy.save(FILE, ARRAY) writes one",
              "'{}' is not a NumPy array file: it does not start with its magic", name);
  const auto major = reader.read<uint8_t>();
  reader.read<uint8_t>();  // the minor version changes nothing
  check(major >= 1 && major <= 3, ErrorCode::Unsupported, "npy '{}': version {}, expected 1 to 3",
        name, major);
  const uint64_t length = major == 1 ? reader.read<uint16_t>() : reader.read<uint32_t>();
  check(length <= kMaxHeader, ErrorCode::CorruptFile,
        "npy '{}': a header of {} bytes, at most {} are allowed", name, length, kMaxHeader);
  return HeaderParser(as_text(reader.take(length)), name).parse();
}

struct TypeName {
  DType dtype;
  std::string_view descr;
};
// What numpy has a type for.
constexpr TypeName kTypeNames[] = {
    {DType::Float32, "<f4"}, {DType::Float16, "<f2"}, {DType::Float64, "<f8"},
    {DType::Int64, "<i8"},   {DType::Int32, "<i4"},   {DType::Int16, "<i2"},
    {DType::Int8, "|i1"},    {DType::UInt64, "<u8"},  {DType::UInt32, "<u4"},
    {DType::UInt16, "<u2"},  {DType::UInt8, "|u1"},   {DType::Bool, "|b1"},
};

DType dtype_of_descr(const std::string& descr, std::string_view name) {
  for (const TypeName& type : kTypeNames) {
    // The byte order of single bytes is "|", though some write "<".
    if (descr == type.descr ||
        (type.descr[0] == '|' && descr == fmt::format("<{}", type.descr.substr(1))))
      return type.dtype;
  }
  fail(ErrorCode::Unsupported,
       "npy '{}': dtype '{:.32}', expected little-endian floats, integers or booleans", name,
       descr);
}

std::string_view descr_of_dtype(DType dtype, const std::string& name) {
  for (const TypeName& type : kTypeNames)
    if (type.dtype == dtype) return type.descr;
  fail(ErrorCode::Unsupported, "npy '{}': numpy has no type for elements of {}", name,
       dtype_name(dtype));
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  const Header header = read_header(reader);
  check(!header.fortran_order, ErrorCode::Unsupported,
        "npy '{}': Fortran order, expected C order (numpy.ascontiguousarray)", name);
  const DType dtype = dtype_of_descr(header.descr, name);
  // The size is checked against the file before anything of that size is allocated.
  int64_t expected = static_cast<int64_t>(dtype_size(dtype));
  bool fits = true;
  for (int64_t extent : header.shape) {
    fits = fits && !__builtin_mul_overflow(expected, extent, &expected);
  }
  check(fits && static_cast<uint64_t>(expected) == reader.remaining(), ErrorCode::CorruptFile,
        "npy '{}': shape ({}) of dtype {} does not match {} bytes of data", name,
        fmt::join(header.shape, ", "), header.descr, reader.remaining());
  Tensor tensor(dtype, header.shape);
  const auto data = reader.take(reader.remaining());
  if (dtype == DType::Bool)
    check(std::all_of(data.begin(), data.end(), [](std::byte b) { return b <= std::byte{1}; }),
          ErrorCode::CorruptFile, "npy '{}': a boolean that is neither 0 nor 1", name);
  std::copy(data.begin(), data.end(), tensor.bytes().begin());
  return tensor;
}

Tensor read_npy(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return parse_npy(file->bytes(), file->path());
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const std::span<const std::byte> bytes = tensor.bytes();
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                  descr_of_dtype(tensor.dtype(), path.string()), fmt::join(tensor.dims(), ", "),
                  tensor.dims().size() == 1 ? "," : "");
  // The format asks for data that starts at a multiple of 64 bytes and a newline before it.
  const size_t prefix = kMagic.size() + 2 + sizeof(uint16_t);
  header.append(-(prefix + header.size() + 1) & 63, ' ');
  header.push_back('\n');
  const auto length = static_cast<uint16_t>(header.size());

  AtomicFile file(path);
  file.write(kMagic);
  file.write(std::string_view("\x01\x00", 2));
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  file.write(bytes);
  file.commit();
}

}  // namespace vitro
