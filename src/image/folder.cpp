#include "image/folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "core/check.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxListBytes = uintmax_t{16} << 20;

bool is_picture(const fs::path& path) {
  static constexpr std::array<std::string_view, 6> kExtensions{".jpg",  ".jpeg", ".jpe",
                                                               ".jfif", ".png",  ".webp"};
  std::string extension = path.extension().string();
  for (char& letter : extension) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// Entries of one directory, sorted by name.
std::vector<fs::directory_entry> list_directory(const fs::path& path) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (!is_hidden(it->path())) entries.push_back(*it);
  }
  check(!error, ErrorCode::DeviceError, "image folder '{}': {}", path.string(), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_directory(const fs::directory_entry& entry) {
  std::error_code error;  // a dangling link is no directory
  return entry.is_directory(error);
}

/// Adds the pictures below `directory`, and counts the other files. Links are followed; `visited`
/// holds real paths, so that a link to a directory above does not go round for ever.
void collect_pictures(const fs::path& directory, std::set<fs::path>& visited,
                      std::vector<fs::path>& pictures, size_t& others) {
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);
  if (error || !visited.insert(real).second) return;
  for (const fs::directory_entry& entry : list_directory(directory)) {
    if (is_directory(entry)) {
      collect_pictures(entry.path(), visited, pictures, others);
    } else if (is_picture(entry.path())) {
      pictures.push_back(entry.path());
    } else {
      ++others;
    }
  }
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// Of two runs of digits, as numbers of any size.
bool less_as_number(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

/// "a2" before "a10"; names that differ in zeros alone as text.
bool less_naturally(const std::string& a, const std::string& b) {
  const auto run = [](std::string_view rest) {
    return rest.substr(0, std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
  };
  std::string_view x = a, y = b;
  while (!x.empty() && !y.empty()) {
    const std::string_view p = run(x), q = run(y);
    if (!p.empty() && !q.empty()) {
      if (less_as_number(p, q)) return true;
      if (less_as_number(q, p)) return false;
      x.remove_prefix(p.size()), y.remove_prefix(q.size());
    } else {
      if (x[0] != y[0]) return x[0] < y[0];
      x.remove_prefix(1), y.remove_prefix(1);
    }
  }
  return x.empty() && y.empty() ? a < b : x.empty();
}

/// Whether they are the numbers from 0 on, in whatever order.
bool are_indices(const std::vector<std::string>& names) {
  std::set<std::string> expected;
  for (size_t i = 0; i < names.size(); ++i) expected.insert(std::to_string(i));
  return std::set<std::string>(names.begin(), names.end()) == expected;
}

int find_label(const std::unordered_map<std::string, int>& labels,
               const std::vector<std::string>& class_list, const fs::path& root,
               const std::string& name) {
  const auto found = labels.find(name);
  check(
      found != labels.end(), ErrorCode::InvalidArgument,
      "image folder '{}': directory '{}' is not one of the {} classes, expected names such as '{}'",
      root.string(), name, class_list.size(), class_list.front());
  return found->second;
}

}  // namespace

bool are_numbers(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return std::all_of(name.begin(), name.end(), is_digit);
  });
}

ImageFolder scan_image_folder(const fs::path& root, const std::vector<std::string>& class_list,
                              ClassOrder order) {
  std::error_code error;
  check(fs::exists(root, error), ErrorCode::NotFound, "image folder '{}': no such directory",
        root.string());
  check(fs::is_directory(root, error), ErrorCode::NotFound,
        "image folder '{}': got a file, expected a directory", root.string());

  std::vector<fs::path> directories;
  for (const fs::directory_entry& entry : list_directory(root)) {
    if (is_directory(entry)) directories.push_back(entry.path());
  }
  check(!directories.empty(), ErrorCode::NotFound,
        "image folder '{}': no sub-directories, expected one per class", root.string());

  ImageFolder folder;
  folder.classes = class_list;
  if (class_list.empty()) {
    for (const fs::path& directory : directories) {
      folder.classes.push_back(directory.filename().string());
    }
    const bool natural =
        order == ClassOrder::Natural || (order == ClassOrder::Auto && are_indices(folder.classes));
    folder.order = natural ? ClassOrder::Natural : ClassOrder::Text;
    if (natural) std::sort(folder.classes.begin(), folder.classes.end(), less_naturally);
  }
  std::unordered_map<std::string, int> labels;
  for (const std::string& name : folder.classes) {
    labels.emplace(name, static_cast<int>(&name - folder.classes.data()));
  }
  for (const fs::path& directory : directories) {
    const int label = find_label(labels, folder.classes, root, directory.filename().string());
    std::set<fs::path> visited;
    std::vector<fs::path> pictures;
    collect_pictures(directory, visited, pictures, folder.passed_over);
    for (fs::path& picture : pictures) folder.images.push_back({std::move(picture), label});
  }
  check(!folder.images.empty(), ErrorCode::NotFound,
        "image folder '{}': no .jpg, .jpeg, .jpe, .jfif, .png or .webp file in {} directories",
        root.string(), directories.size());
  return folder;
}

ClassNames read_class_list(const fs::path& path) {
  std::error_code error;
  check(fs::exists(path, error), ErrorCode::NotFound, "class list '{}': no such file",
        path.string());
  check(fs::is_regular_file(path, error), ErrorCode::InvalidArgument,
        "class list '{}': got a directory or device, expected a file", path.string());
  const uintmax_t size = fs::file_size(path, error);
  check(!error && size <= kMaxListBytes, ErrorCode::CorruptFile,
        "class list '{}': {} bytes are over the limit of {} bytes", path.string(), size,
        kMaxListBytes);
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), ErrorCode::DeviceError, "class list '{}': the file cannot be opened",
        path.string());

  ClassNames names;
  int line_number = 0;
  int first_blank =
      0;  // blank lines are fine at the end only: elsewhere they would shift the labels
  for (std::string line; std::getline(file, line);) {
    ++line_number;
    if (line_number == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) {
      if (first_blank == 0) first_blank = line_number;
      continue;
    }
    check(first_blank == 0, ErrorCode::CorruptFile, "class list '{}': line {} is blank",
          path.string(), first_blank);
    const size_t tab = line.find('\t');
    names.ids.push_back(line.substr(0, tab));
    names.labels.push_back(tab == std::string::npos ? line : line.substr(tab + 1));
    check(!names.ids.back().empty(), ErrorCode::CorruptFile,
          "class list '{}': line {} has no name before the tab", path.string(), line_number);
  }
  check(!names.ids.empty(), ErrorCode::CorruptFile, "class list '{}': the file is empty",
        path.string());
  return names;
}

}  // namespace vitro
