#include "image/picture_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>
#include <system_error>

#include "core/check.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  static constexpr std::array<std::string_view, 11> kExtensions{
      ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"};
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

void expect_directory(const fs::path& root) {
  std::error_code error;
  check(fs::exists(root, error), ErrorCode::NotFound, "image folder '{}': no such directory",
        root.string());
  check(fs::is_directory(root, error), ErrorCode::NotFound,
        "image folder '{}': got a file, expected a directory", root.string());
}

/// `visited` holds real paths, so that a link to a directory above does not go round for ever.
void collect_pictures(const fs::path& directory, std::set<fs::path>& visited, PictureFiles& files) {
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);
  if (error || !visited.insert(real).second) return;
  for (const fs::directory_entry& entry : list_directory(directory)) {
    if (is_directory(entry)) {
      collect_pictures(entry.path(), visited, files);
    } else if (is_picture(entry.path())) {
      files.pictures.push_back(entry.path());
    } else {
      ++files.others;
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

}  // namespace

std::vector<fs::path> list_directories(const fs::path& root) {
  expect_directory(root);
  std::vector<fs::path> directories;
  for (const fs::directory_entry& entry : list_directory(root))
    if (is_directory(entry)) directories.push_back(entry.path());
  return directories;
}

PictureFiles find_pictures(const fs::path& root) {
  expect_directory(root);
  std::set<fs::path> visited;
  PictureFiles files;
  collect_pictures(root, visited, files);
  return files;
}

// Names that differ in zeros alone are compared as text.
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

}  // namespace vitro
