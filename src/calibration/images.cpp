#include "calibration/images.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/file_io.h"
#include "image/picture_files.h"
#include "image/text_list.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSources = "give a folder of pictures, or a list with a path a line";

/// The pictures of a list. What names no file at all is another kind of text.
std::vector<fs::path> parse_list(std::span<const std::byte> bytes, const fs::path& list) {
  const std::string name = fmt::format("list of pictures '{}'", list.string());
  std::vector<fs::path> files;
  for (const std::string_view line : split_lines(as_text(bytes), name)) {
    const std::string_view path = trimmed(line, " \t");
    if (path.starts_with('#')) continue;
    files.push_back((list.parent_path() / fs::path(path)).lexically_normal());
  }
  std::error_code ignored;
  const auto is_there = [&](const fs::path& file) { return fs::exists(file, ignored); };
  check(files.empty() || std::any_of(files.begin(), files.end(), is_there), ErrorCode::NotFound,
        "{}: none of its {} lines is a file, the first is '{:.200}'", name, files.size(),
        files.empty() ? "" : files[0].string());
  return files;
}

/// The directories that all of them lie in.
fs::path common_directory(const std::vector<fs::path>& files) {
  fs::path common = files.front().parent_path();
  for (const fs::path& file : files) {
    fs::path shared;
    const fs::path directory = file.parent_path();
    auto a = common.begin(), b = directory.begin();
    for (; a != common.end() && b != directory.end() && *a == *b; ++a, ++b) shared /= *a;
    common = shared;
  }
  return common;
}

/// Labels pictures by the first directory in which their paths differ.
CalibrationImages labelled(std::vector<fs::path> files, const fs::path& from) {
  if (files.empty())
    fail_hint(ErrorCode::NotFound, kSources, "'{}': no pictures, expected files that end in {}",
              from.string(), kPictureEndings);
  CalibrationImages found;
  found.from = from;
  const fs::path common = common_directory(files);
  std::map<std::string, int> classes;
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    const fs::path below = file.lexically_relative(common);
    names.push_back(std::next(below.begin()) == below.end() ? "" : below.begin()->string());
    classes.emplace(names.back(), 0);
  }
  if (classes.size() > 1)
    for (auto& [name, index] : classes) {
      index = static_cast<int>(found.classes.size());
      found.classes.push_back(name.empty() ? "." : name);
    }
  for (size_t i = 0; i < files.size(); ++i)
    found.images.push_back({std::move(files[i]), classes.at(names[i])});
  return found;
}

std::set<std::string> hashes_below(const fs::path& root, ThreadTeam& team) {
  if (root.empty()) return {};
  const CalibrationImages images = find_images(root);
  const std::vector<std::string> hashes = content_hashes(images.images, team);
  return {hashes.begin(), hashes.end()};
}

/// A fair order that any standard library gives.
template <typename T>
void shuffle(std::vector<T>& items, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[static_cast<size_t>(random() % i)]);
}

}  // namespace

CalibrationImages find_images(const fs::path& images) {
  std::error_code ignored;
  if (fs::is_directory(images, ignored)) return labelled(find_pictures(images).pictures, images);
  try {
    return listed_images(read_file(images, kMaxListBytes), images);
  } catch (const Error& error) {
    throw Error(error.code(), error.what(), kSources);
  }
}

CalibrationImages listed_images(std::span<const std::byte> text, const fs::path& list) {
  check(text.size() <= kMaxListBytes, ErrorCode::OutOfMemory,
        "list of pictures '{}' has {} bytes, at most {} are read", list.string(), text.size(),
        kMaxListBytes);
  return labelled(parse_list(text, list), list);
}

void keep_evenly(CalibrationImages& images, int64_t most) {
  const size_t total = images.images.size(), kept = static_cast<size_t>(most);
  if (kept >= total) return;
  for (size_t i = 0; i < kept; ++i) images.images[i] = images.images[i * total / kept];
  images.images.resize(kept);
}

std::vector<std::string> content_hashes(std::span<const LabelledImage> images, ThreadTeam& team) {
  std::vector<std::string> hashes(images.size());
  team.parallel_for(static_cast<int64_t>(images.size()), [&](int64_t i, int) {
    try {
      const auto slot = static_cast<size_t>(i);
      hashes[slot] = checksum(*MappedFile::open(images[slot].path));
    } catch (const std::exception&) {
      // Whoever reads the picture tells what is wrong with it.
    }
  });
  return hashes;
}

ImageSample draw_sample(const fs::path& root, const SampleOptions& options, ThreadTeam& team) {
  check(options.count > 0 || options.per_class > 0, ErrorCode::InvalidArgument,
        "a sample of 0 pictures and 0 of each class, expected one of the numbers");
  const ImageFolder folder = scan_image_folder(root, {});
  const std::set<std::string> evaluation = hashes_below(options.evaluation, team);
  std::vector<std::string> hashes;
  if (!evaluation.empty()) hashes = content_hashes(folder.images, team);
  ImageSample sample;
  sample.all_classes = folder.classes.size();
  std::vector<std::vector<fs::path>> by_class(folder.classes.size());
  for (size_t i = 0; i < folder.images.size(); ++i) {
    if (!hashes.empty() && evaluation.contains(hashes[i]))
      ++sample.passed_over;
    else
      by_class[static_cast<size_t>(folder.images[i].label)].push_back(folder.images[i].path);
  }
  std::vector<size_t> order;
  for (size_t c = 0; c < by_class.size(); ++c) {
    shuffle(by_class[c], options.seed + c + 1);
    order.push_back(c);
  }
  shuffle(order, options.seed);
  const auto most = options.count > 0 ? static_cast<size_t>(options.count) : SIZE_MAX;
  const auto rounds = options.per_class > 0 ? static_cast<size_t>(options.per_class) : SIZE_MAX;
  for (size_t round = 0, before = SIZE_MAX;
       round < rounds && sample.files.size() < most && sample.files.size() != before; ++round) {
    before = sample.files.size();
    for (size_t c : order) {
      if (round >= by_class[c].size() || sample.files.size() == most) continue;
      sample.classes += round == 0 ? 1 : 0;
      sample.files.push_back(by_class[c][round]);
    }
  }
  std::sort(sample.files.begin(), sample.files.end());
  return sample;
}

std::string image_list_text(const ImageSample& sample, const fs::path& directory) {
  std::string text;
  const fs::path base = fs::absolute(directory).lexically_normal();
  for (const fs::path& file : sample.files) {
    const fs::path whole = fs::absolute(file).lexically_normal();
    const fs::path below = whole.lexically_relative(base);
    const bool inside = !below.empty() && *below.begin() != "..";
    text += (inside ? below : whole).string() + "\n";
  }
  return text;
}

}  // namespace vitro
