#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/byte_reader.h"

namespace vitro {

/// What a pass over pictures must have in common with the one that it goes on from. No text has a
/// newline.
struct PassIdentity {
  std::string model;     ///< hashes of its weights and of its graph
  std::string images;    ///< hash of the contents of the pictures, in order
  std::string settings;  ///< what else the result depends on, to be read by people
};

/// Why a pass cannot go on from what a file has: "it is of another model"; empty: it can.
std::string difference(const PassIdentity& file, const PassIdentity& now);

/// What an interrupted pass had gathered.
class PartialFile {
 public:
  /// Nothing where there is no such file. Throws CorruptFile (another format or version, bytes that
  /// are missing or changed), OutOfMemory (over 1 GiB) and DeviceError, naming the file.
  static std::optional<PartialFile> load(const std::filesystem::path& path);
  /// Whole or not at all. Throws DeviceError.
  static void save(const std::filesystem::path& path, const PassIdentity& identity,
                   std::span<const std::byte> state);

  const PassIdentity& identity() const { return identity_; }
  /// The reader is of this object's memory.
  ByteReader state() const;

 private:
  std::string name_;
  PassIdentity identity_;
  std::vector<std::byte> bytes_;
  size_t begin_ = 0;  ///< of the state
};

}  // namespace vitro
