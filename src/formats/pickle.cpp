#include "formats/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "core/check.h"
#include "formats/pickle_machine.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxProtocol = 5;

/// Decodes the opcodes, which are named as in Python's pickletools.
class Decoder {
 public:
  explicit Decoder(ByteReader& reader) : reader_(reader), machine_(reader.name()) {}

  PickleTree run() {
    for (;;) {
      const size_t position = reader_.offset();
      const auto opcode = static_cast<char>(reader_.read<uint8_t>());
      if (opcode == '.') return machine_.finish();
      const bool known = push_number(opcode) || push_text(opcode) || build_container(opcode) ||
                         use_memo(opcode) || move_stack(opcode) || use_global(opcode);
      check(known, ErrorCode::Unsupported, "pickle '{}': opcode 0x{:02x} at byte {}",
            reader_.name(), static_cast<unsigned char>(opcode), position);
    }
  }

 private:
  void push_int(int64_t value) { machine_.push(machine_.add(Kind::Int))->integer = value; }
  void push_bool(bool value) { machine_.push(machine_.add(Kind::Bool))->integer = value; }

  bool push_number(char opcode) {
    // clang-format off
    switch (opcode) {
      case 'N': machine_.push_none(); return true;
      case '\x88': push_bool(true); return true;
      case '\x89': push_bool(false); return true;
      case 'K': push_int(reader_.read<uint8_t>()); return true;    // BININT1
      case 'M': push_int(reader_.read<uint16_t>()); return true;   // BININT2
      case 'J': push_int(reader_.read<int32_t>()); return true;    // BININT
      case '\x8a': push_long(reader_.read<uint8_t>()); return true;   // LONG1
      case '\x8b': push_long(reader_.read<uint32_t>()); return true;  // LONG4
      case 'G': push_double(reader_.read<uint64_t>()); return true;   // BINFLOAT
      case 'I': case 'L': push_decimal(reader_.take_line()); return true;
      case 'F': reader_.take_line(); machine_.push(machine_.add(Kind::Opaque)); return true;
      default: return false;
    }
    // clang-format on
  }

  /// A little-endian two's complement number of `length` bytes.
  void push_long(uint64_t length) {
    const auto bytes = reader_.take(length);
    if (length > sizeof(int64_t)) {
      machine_.push(machine_.add(Kind::Opaque));  // the state of a random generator, for example
      return;
    }
    const bool negative = length > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0};
    int64_t value = negative ? -1 : 0;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(&value));
    push_int(value);
  }

  void push_double(uint64_t big_endian) {
    machine_.push(machine_.add(Kind::Float))->real =
        std::bit_cast<double>(__builtin_bswap64(big_endian));
  }

  template <typename Integer>
  Integer parse_decimal(std::string_view text) const {
    Integer value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      machine_.corrupt("a malformed number");
    }
    return value;
  }

  void push_decimal(std::string_view text) {
    if (text == "00" || text == "01") return push_bool(text == "01");
    if (text.ends_with('L')) text.remove_suffix(1);
    push_int(parse_decimal<int64_t>(text));
  }

  void push_string(std::string_view text) { push_text_as(Kind::String, text); }
  void push_bytes(std::string_view text) { push_text_as(Kind::Bytes, text); }
  void push_text_as(Kind kind, std::string_view text) {
    machine_.push(machine_.add(kind))->text = text;
  }
  std::string_view take_text(uint64_t length) { return as_text(reader_.take(length)); }

  bool push_text(char opcode) {
    // clang-format off
    switch (opcode) {
      case '\x8c': push_string(take_text(reader_.read<uint8_t>())); return true;  // SHORT_BINUNICODE
      case 'X': push_string(take_text(reader_.read<uint32_t>())); return true;    // BINUNICODE
      case '\x8d': push_string(take_text(reader_.read<uint64_t>())); return true; // BINUNICODE8
      case 'U': push_string(take_text(reader_.read<uint8_t>())); return true;     // SHORT_BINSTRING
      case 'T': push_string(take_text(reader_.read<uint32_t>())); return true;    // BINSTRING
      case 'V': push_string(reader_.take_line()); return true;                    // UNICODE
      case 'S': push_string(unquote(reader_.take_line())); return true;           // STRING
      case 'C': push_bytes(take_text(reader_.read<uint8_t>())); return true;      // SHORT_BINBYTES
      case 'B': push_bytes(take_text(reader_.read<uint32_t>())); return true;     // BINBYTES
      case '\x8e': case '\x96':                                // BINBYTES8, BYTEARRAY8
        push_bytes(take_text(reader_.read<uint64_t>())); return true;
      default: return false;
    }
    // clang-format on
  }

  std::string_view unquote(std::string_view line) const {
    const bool quoted = line.size() >= 2 && line.front() == line.back() &&
                        (line.front() == '\'' || line.front() == '"');
    if (!quoted) machine_.corrupt("a string without quotes");
    return line.substr(1, line.size() - 2);
  }

  void pop_into(Kind kind, std::vector<const PickleValue*> items) {
    machine_.push_items(kind, std::move(items));
  }

  bool build_container(char opcode) {
    // clang-format off
    switch (opcode) {
      case ')': machine_.push_empty_tuple(); return true;
      case ']': case '\x8f': pop_into(Kind::List, {}); return true;  // EMPTY_LIST, EMPTY_SET
      case '}': pop_into(Kind::Dict, {}); return true;
      case 't': pop_into(Kind::Tuple, machine_.pop_mark()); return true;
      case 'l': case '\x91': pop_into(Kind::List, machine_.pop_mark()); return true;  // FROZENSET
      case 'd': push_dict(machine_.pop_mark()); return true;
      case '\x85': pop_into(Kind::Tuple, machine_.pop_items(1)); return true;
      case '\x86': pop_into(Kind::Tuple, machine_.pop_items(2)); return true;
      case '\x87': pop_into(Kind::Tuple, machine_.pop_items(3)); return true;
      case 'a': machine_.extend(Kind::List, machine_.pop_items(1)); return true;
      case 'e': case '\x90': machine_.extend(Kind::List, machine_.pop_mark()); return true;
      case 's': machine_.extend(Kind::Dict, machine_.pop_items(2)); return true;
      case 'u': machine_.extend(Kind::Dict, machine_.pop_mark()); return true;
      default: return false;
    }
    // clang-format on
  }

  void push_dict(const std::vector<const PickleValue*>& items) {
    machine_.push_items(Kind::Dict, {});
    machine_.extend(Kind::Dict, items);
  }

  bool use_memo(char opcode) {
    // clang-format off
    switch (opcode) {
      case 'q': machine_.store_memo(reader_.read<uint8_t>()); return true;   // BINPUT
      case 'r': machine_.store_memo(reader_.read<uint32_t>()); return true;  // LONG_BINPUT
      case 'p': machine_.store_memo(parse_decimal<uint64_t>(reader_.take_line())); return true;
      case '\x94': machine_.store_next_memo(); return true;                  // MEMOIZE
      case 'h': machine_.push_memo(reader_.read<uint8_t>()); return true;    // BINGET
      case 'j': machine_.push_memo(reader_.read<uint32_t>()); return true;   // LONG_BINGET
      case 'g': machine_.push_memo(parse_decimal<uint64_t>(reader_.take_line())); return true;
      default: return false;
    }
    // clang-format on
  }

  bool move_stack(char opcode) {
    // clang-format off
    switch (opcode) {
      case '\x80': check_protocol(reader_.read<uint8_t>()); return true;
      case '\x95': reader_.read<uint64_t>(); return true;  // FRAME only groups bytes
      case '(': machine_.push_mark(); return true;
      case '0': machine_.pop_value_or_mark(); return true;
      case '1': machine_.pop_mark(); return true;
      case '2': machine_.push(machine_.top()); return true;
      default: return false;
    }
    // clang-format on
  }

  void check_protocol(int protocol) const {
    check(protocol <= kMaxProtocol, ErrorCode::Unsupported,
          "pickle '{}' has protocol {}, at most {} is read", reader_.name(), protocol,
          kMaxProtocol);
  }

  bool use_global(char opcode) {
    // clang-format off
    switch (opcode) {
      case 'c': push_global_lines(); return true;
      case '\x93': push_stack_global(); return true;
      case 'R': case '\x81': reduce(); return true;               // REDUCE, NEWOBJ
      case '\x92': machine_.pop(); reduce(); return true;         // NEWOBJ_EX has keyword arguments
      case 'o': machine_.call_with_items(machine_.pop_mark()); return true;
      case 'i': call_global_lines(); return true;                 // INST
      case 'b': machine_.build(); return true;
      case 'Q': pop_into(Kind::Persistent, machine_.pop_items(1)); return true;
      default: return false;
    }
    // clang-format on
  }

  void push_global_lines() {
    const std::string_view module = reader_.take_line();
    machine_.push_global(module, reader_.take_line());
  }

  void push_stack_global() {
    const PickleValue* attribute = machine_.pop();
    const PickleValue* module = machine_.pop();
    if (!attribute->is(Kind::String) || !module->is(Kind::String)) {
      machine_.corrupt("a global without a name");
    }
    machine_.push_global(module->text, attribute->text);
  }

  void call_global_lines() {
    auto items = machine_.pop_mark();
    push_global_lines();
    items.insert(items.begin(), machine_.pop());
    machine_.call_with_items(std::move(items));
  }

  void reduce() {
    const PickleValue* arguments = machine_.pop();
    machine_.call(machine_.pop(), arguments);
  }

  ByteReader& reader_;
  PickleMachine machine_;
};

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
  if (kind != Kind::Dict) return nullptr;
  for (size_t i = items.size(); i >= 2; i -= 2) {
    if (items[i - 2]->is(Kind::String) && items[i - 2]->text == key) return items[i - 1];
  }
  return nullptr;
}

PickleTree parse_pickle(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  return parse_pickle(reader);
}

PickleTree parse_pickle(ByteReader& reader) { return Decoder(reader).run(); }

}  // namespace vitro
