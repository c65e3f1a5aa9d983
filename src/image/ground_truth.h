#pragma once

#include <cstdint>
#include <filesystem>

#include "image/folder.h"

namespace vitro {

/// Pictures of one folder whose classes a list tells.
struct GroundTruth {
  ImageFolder folder;
  size_t missing = 0;     ///< pictures of the list that are not in the folder
  size_t unlisted = 0;    ///< pictures of the folder that are not in the list
  bool from_one = false;  ///< numbers of the list begin at 1
};

/// Reads a list of "file class" lines, with spaces, a tab or a comma between; further columns, as
/// in the files of Tiny-ImageNet and Kaggle, are passed over, and so is a heading. A file is named
/// by its path below `root`, or by its name with or without its ending. A list of numbers alone
/// tells the classes of all pictures in the order of their names. A class is the id, the label or
/// the number of one of `classes`, of which there are `num_classes`; without ids only numbers are
/// known. They begin at 0, or at 1 where the largest is `num_classes` and none is 0. Throws
/// NotFound (no such directory or file, none of the pictures), InvalidArgument (an unknown class, a
/// picture that is listed twice, numbers for more or fewer pictures, or for pictures whose order is
/// not the same as text and counted), CorruptFile (another form), OutOfMemory (over 16 MiB) and
/// DeviceError.
GroundTruth read_ground_truth(const std::filesystem::path& root, const std::filesystem::path& list,
                              const ClassNames& classes, int64_t num_classes);

}  // namespace vitro
