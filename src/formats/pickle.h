#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"

namespace vitro {

/// One node of the data a pickle describes. Nothing of a pickle is ever run: a class or function is
/// a Global, a call of one is a Call that nobody makes.
struct PickleValue {
  enum class Kind {
    None,
    Bool,        ///< integer
    Int,         ///< integer
    Float,       ///< real
    String,      ///< text
    Bytes,       ///< text
    List,        ///< items; sets too
    Tuple,       ///< items
    Dict,        ///< items: key, value, key, value, ...; subclasses too
    Global,      ///< text: "module.name"
    Call,        ///< text: the callee's "module.name", items: one Tuple, the arguments, and behind
                 ///< it the state that the object is given afterwards, if any
    Persistent,  ///< items: the one persistent id
    Opaque,      ///< something this reader has no use for, such as a huge integer
  };

  Kind kind = Kind::None;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;

  bool is(Kind other) const { return kind == other; }
  /// The value of a dict for a text key (the last one, as in Python), or null.
  const PickleValue* find(std::string_view key) const;
};

/// Owns the nodes. They may be shared and even cyclic: whoever walks them must bound the walk.
struct PickleTree {
  std::deque<PickleValue> nodes;
  const PickleValue* root = nullptr;
};

/// Most nodes a pickle may have; far above any checkpoint, and a bound on memory.
inline constexpr size_t kMaxPickleNodes = 2'000'000;

/// Reads a pickle of protocol 0 to 5 as pure data. Throws CorruptFile for malformed bytes,
/// OutOfMemory above kMaxPickleNodes, and Unsupported for opcodes without a meaning here and for
/// pickles that call something dangerous (os.system, builtins.eval, subprocess.Popen, ...): such a
/// file was made to attack its reader. `name` is what errors call the file.
PickleTree parse_pickle(std::span<const std::byte> bytes, std::string_view name);
/// As above, from the cursor on, which is left behind the pickle.
PickleTree parse_pickle(ByteReader& reader);

}  // namespace vitro
