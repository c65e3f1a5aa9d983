#pragma once

#include <filesystem>
#include <string_view>

#include "calibration/calibration.h"

namespace vitro {

/// JSON text, the same for equal calibrations; an input a line.
std::string calibration_to_json(const Calibration& calibration);
/// The inverse. Throws CorruptFile for what cannot be: another format or version, a part that is
/// missing or of another kind, numbers that are not finite or not in their range, lists of another
/// length than the input has channels, products and methods that stand twice.
Calibration calibration_from_json(std::string_view json);

/// Throws NotFound or CorruptFile, naming the file.
Calibration load_calibration(const std::filesystem::path& path);
/// The same of a file that has been read.
Calibration parse_calibration(std::string_view text, const std::filesystem::path& path);
/// Whole or not at all. Throws DeviceError, and Unsupported for one that is too large to be read.
void save_calibration(const Calibration& calibration, const std::filesystem::path& path);

}  // namespace vitro
