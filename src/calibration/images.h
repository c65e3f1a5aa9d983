#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/thread_team.h"
#include "image/folder.h"

namespace vitro {

/// Pictures and what their directories say of their classes.
struct CalibrationImages {
  std::vector<LabelledImage> images;  ///< by path, or in the order of the list
  /// The directories that tell pictures apart; empty where there are fewer than two.
  std::vector<std::string> classes;
  std::filesystem::path from;  ///< the directory or the list
};

/// The pictures below a directory, or those of a list: a path a line, relative to the directory of
/// the list unless it is absolute; lines that begin with '#' are comments. Throws NotFound (no such
/// directory or file, no pictures), CorruptFile (no list of text), OutOfMemory (a list over 16 MiB)
/// and DeviceError.
CalibrationImages find_images(const std::filesystem::path& images);

/// Those of a list that has been read. Throws as find_images().
CalibrationImages listed_images(std::span<const std::byte> text, const std::filesystem::path& list);

/// Keeps `most` of them at equal distances, so that all classes are met.
void keep_evenly(CalibrationImages& images, int64_t most);

/// The checksum of each file; empty for one that cannot be read.
std::vector<std::string> content_hashes(std::span<const LabelledImage> images, ThreadTeam& team);

/// Which pictures a sample draws.
struct SampleOptions {
  int64_t count = 0;      ///< pictures; 0: per_class of each class
  int64_t per_class = 0;  ///< at most; 0: as many as `count` takes
  uint64_t seed = 0;
  std::filesystem::path evaluation =
      {};  ///< pictures of these contents are passed over; may be empty
};

struct ImageSample {
  std::vector<std::filesystem::path> files;  ///< by path
  size_t classes = 0;                        ///< that have one among them
  size_t all_classes = 0;
  size_t passed_over = 0;  ///< that are in the evaluation folder
};

/// Draws pictures of root/CLASS/**: one of each class, then a second one, and so on; the same ones
/// for one seed, whatever the order of the file system. Throws as scan_image_folder(), and
/// InvalidArgument when neither `count` nor `per_class` is given.
ImageSample draw_sample(const std::filesystem::path& root, const SampleOptions& options,
                        ThreadTeam& team);

/// The list that find_images() reads, for a file in `directory`: paths below it are relative.
std::string image_list_text(const ImageSample& sample, const std::filesystem::path& directory);

}  // namespace vitro
