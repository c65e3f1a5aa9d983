#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vitro {

/// The classes of a model by index.
struct ClassNames {
  std::vector<std::string> ids;     ///< directory names, e.g. "n02124075"
  std::vector<std::string> labels;  ///< for people, e.g. "Egyptian cat"
};

/// Reads a list of classes, which has one of these forms:
/// - a class a line, the first line being class 0: "id<TAB>name", "n02124075 Egyptian cat" (or with
///   a comma), or one text that is id and name;
/// - the same with numbers from 0 on that count instead of the lines: "0 n02124075", "0,Egyptian
///   cat", "Egyptian cat,0"; a comma may have a heading above it and quotes around names;
/// - JSON: {"0": "cat"} or {"0": ["n02124075", "cat"]}, {"cat": 0}, or a list of such values.
/// Lines end in LF, CR LF or CR. Throws NotFound, DeviceError, InvalidArgument (no regular file, an
/// id that stands twice), CorruptFile (none of these forms, empty, a blank line between others) and
/// OutOfMemory (over 16 MiB). Names without ids may stand twice: ImageNet has two cranes.
ClassNames read_class_list(const std::filesystem::path& path);

/// The same from text; `list` is what errors call it.
ClassNames parse_class_list(std::string_view text, const std::string& list);

/// Throws InvalidArgument for a name that stands twice; `list` is what the error calls them.
void check_unique(const std::vector<std::string>& names, const std::string& list);

/// Finds classes by their ids, and by their labels where no id is such; not by names that several
/// have.
class ClassFinder {
 public:
  /// Refers to the names of `classes`.
  explicit ClassFinder(const ClassNames& classes);
  explicit ClassFinder(ClassNames&&) = delete;
  std::optional<int> find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, std::optional<int>> indices_;
};

/// Says that names which both have stand at other indices in `names` than in `known`, the classes
/// of a model; nothing when none does.
std::optional<std::string> order_contradiction(const ClassNames& names, const ClassNames& known);

}  // namespace vitro
