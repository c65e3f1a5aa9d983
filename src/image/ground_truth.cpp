#include "image/ground_truth.h"

#include <algorithm>
#include <unordered_map>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "image/picture_files.h"
#include "image/text_list.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSeparators = " \t,";
constexpr size_t kMaxLineBytes = 8192;

/// A class by name, or the number that stands for it.
struct Class {
  std::optional<int> index;
  std::optional<int64_t> number;

  explicit operator bool() const { return index || number; }
};

class Reader {
 public:
  Reader(const fs::path& root, const fs::path& list, const ClassNames& classes, int64_t num_classes)
      : root_(root), list_(list.string()), num_classes_(num_classes), finder_(classes) {
    PictureFiles files = find_pictures(root);
    pictures_ = std::move(files.pictures);
    truth_.folder.passed_over = files.others;
    truth_.folder.classes = classes.ids;
    for (int64_t i = 0; classes.ids.empty() && i < num_classes; ++i)
      truth_.folder.classes.push_back(std::to_string(i));
    check(!pictures_.empty(), ErrorCode::NotFound, "image folder '{}': no {} file", root.string(),
          kPictureEndings);
  }

  GroundTruth read(std::string_view text) {
    const std::vector<std::string_view> lines =
        split_lines(text, fmt::format("ground truth '{}'", list_));
    const bool numbers_alone = std::all_of(lines.begin(), lines.end(), [](std::string_view line) {
      return whole_number(trimmed(line, kSeparators)).has_value();
    });
    classes_.resize(pictures_.size());
    if (numbers_alone)
      read_numbers(lines);
    else
      read_files(lines);
    number_classes();
    return std::move(truth_);
  }

 private:
  /// One number a line, for the pictures in the order of their names.
  void read_numbers(const std::vector<std::string_view>& lines) {
    check(lines.size() == pictures_.size(), ErrorCode::InvalidArgument,
          "'{}' has {} numbers for the {} pictures of '{}'", list_, lines.size(), pictures_.size(),
          root_.string());
    const auto unsorted = std::adjacent_find(
        pictures_.begin(), pictures_.end(), [](const fs::path& a, const fs::path& b) {
          return less_naturally(b.generic_string(), a.generic_string());
        });
    if (unsorted != pictures_.end())
      fail_hint(ErrorCode::InvalidArgument, "give lines of 'file class' instead",
                "'{}' has numbers alone, and '{}' and '{}' stand in another order as text than as "
                "numbers",
                list_, unsorted->filename().string(), (unsorted + 1)->filename().string());
    for (size_t i = 0; i < lines.size(); ++i)
      classes_[i] = {std::nullopt, whole_number(trimmed(lines[i], kSeparators))};
  }

  void read_files(const std::vector<std::string_view>& lines) {
    name_pictures();
    for (size_t i = 0; i < lines.size(); ++i) read_line(lines[i], i + 1);
    const auto listed = std::count_if(classes_.begin(), classes_.end(),
                                      [](const Class& found) { return bool(found); });
    truth_.unlisted = pictures_.size() - static_cast<size_t>(listed);
    check(listed > 0, ErrorCode::NotFound,
          "'{}' names none of the {} pictures of '{}', such as '{}'", list_, pictures_.size(),
          root_.string(), pictures_.front().filename().string());
  }

  /// The file is all up to the first separator with which it is one: names may have spaces.
  void read_line(std::string_view line, size_t number) {
    check(line.size() <= kMaxLineBytes, ErrorCode::CorruptFile,
          "'{}': line {} has {} bytes, expected at most {}", list_, number, line.size(),
          kMaxLineBytes);
    for (size_t at = line.find_first_of(kSeparators, 1); at != std::string_view::npos;
         at = line.find_first_of(kSeparators, at + 1)) {
      const auto picture = find_picture(line.substr(0, at));
      if (!picture) continue;
      const Class found = find_class(trimmed(line.substr(at), kSeparators));
      check(bool(found), ErrorCode::InvalidArgument,
            "'{}': line {}: '{:.80}' is not one of the {} classes{}", list_, number,
            trimmed(line.substr(at), kSeparators), num_classes_, example());
      check(!classes_[*picture], ErrorCode::InvalidArgument, "'{}': line {}: '{}' is listed twice",
            list_, number, pictures_[*picture].filename().string());
      classes_[*picture] = found;
      return;
    }
    const size_t separator = line.find_first_of(kSeparators, 1);
    const bool has_class =
        separator != std::string_view::npos &&
        (number == 1 || find_class(trimmed(line.substr(separator), kSeparators)));
    check(has_class, ErrorCode::CorruptFile,
          "'{}': line {} is '{:.80}', expected 'file class', or a number in each line", list_,
          number, line);
    if (find_class(trimmed(line.substr(separator), kSeparators)))
      ++truth_.missing;  // else a heading
  }

  std::string example() const {
    const std::vector<std::string>& names = truth_.folder.classes;
    return names.empty() ? "" : fmt::format(", such as '{}'", names.front());
  }

  /// The whole text, or what is before a tab, a comma, a space.
  Class find_class(std::string_view text) const {
    for (const std::string_view ends : {"", "\t", "\t,", "\t, "}) {
      const std::string_view word = text.substr(0, text.find_first_of(ends));
      if (const auto index = finder_.find(word)) return {index, std::nullopt};
      if (const auto number = whole_number(word)) return {std::nullopt, number};
    }
    return {};
  }

  /// What a list may call them: paths, else names, else names without endings; not what several
  /// are called.
  void name_pictures() {
    using NameOf = std::string (*)(const fs::path&);
    for (const NameOf name_of :
         {NameOf([](const fs::path& path) { return path.generic_string(); }),
          NameOf([](const fs::path& path) { return path.filename().string(); }),
          NameOf([](const fs::path& path) { return path.stem().string(); })}) {
      std::unordered_map<std::string, std::optional<size_t>> names;
      for (size_t i = 0; i < pictures_.size(); ++i) {
        const auto [found, is_new] =
            names.emplace(name_of(pictures_[i].lexically_relative(root_)), i);
        if (!is_new) found->second.reset();
      }
      names_.merge(names);  // keeps what is there
    }
  }

  std::optional<size_t> find_picture(std::string_view name) const {
    for (const std::string& text : {std::string(name), fs::path(name).filename().string()}) {
      const auto found = names_.find(text);
      if (found != names_.end() && found->second) return found->second;
    }
    return std::nullopt;
  }

  /// Numbers become classes when all of them are known.
  void number_classes() {
    int64_t least = num_classes_, most = -1;
    for (const Class& found : classes_) {
      if (!found.number) continue;
      least = std::min(least, *found.number);
      most = std::max(most, *found.number);
    }
    truth_.from_one = least >= 1 && most == num_classes_;
    const int64_t first = truth_.from_one ? 1 : 0;
    check(most < 0 || (least >= first && most < num_classes_ + first), ErrorCode::InvalidArgument,
          "'{}' has classes {} to {}, the model 0 to {}", list_, least, most, num_classes_ - 1);
    for (size_t i = 0; i < pictures_.size(); ++i) {
      const Class& found = classes_[i];
      if (!found) continue;
      const int label = found.index ? *found.index : static_cast<int>(*found.number - first);
      truth_.folder.images.push_back({std::move(pictures_[i]), label});
    }
  }

  fs::path root_;
  std::string list_;
  int64_t num_classes_;
  ClassFinder finder_;
  std::vector<fs::path> pictures_;
  std::vector<Class> classes_;  // of the pictures, as far as they are known
  std::unordered_map<std::string, std::optional<size_t>> names_;
  GroundTruth truth_;
};

}  // namespace

GroundTruth read_ground_truth(const fs::path& root, const fs::path& list, const ClassNames& classes,
                              int64_t num_classes) {
  const std::vector<std::byte> bytes = read_file(list, kMaxListBytes);
  return Reader(root, list, classes, num_classes).read(as_text(bytes));
}

}  // namespace vitro
