#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vitro::test {

struct ProcessResult {
  int exit_code = 0;  ///< minus the signal's number when one ended it
  std::string out;
  std::string err;

  nlohmann::json json() const;
};

/// Where standard output goes.
enum class Stdout { Captured, FullDisk, Closed, BrokenPipe };

struct ProcessOptions {
  std::filesystem::path input{};  ///< of standard input; empty: nothing
  Stdout out = Stdout::Captured;
  std::vector<std::string> environment{};  ///< "NAME=value", added to this process's
  std::optional<int> limit{};              ///< RLIMIT_... of the program
  size_t limit_value = 0;
  bool interrupt = false;                  ///< Ctrl-C, as soon as the program handles it
  std::filesystem::path terminate_when{};  ///< SIGTERM, as soon as this exists; empty: never
};

/// Runs the built program and waits for it.
ProcessResult run_vitro(const std::vector<std::string>& arguments,
                        const ProcessOptions& options = {});

/// A directory of this test program, removed when it ends.
const std::filesystem::path& scratch();
std::string scratch_file(std::string_view name);
std::string write_scratch(std::string_view name, std::string_view content);
std::string read_text(const std::filesystem::path& path);
/// How many directory entries begin with `prefix`.
int count_scratch(std::string_view prefix);

/// Files that ship with the project.
std::string model_file(std::string_view name);
std::string checkpoint();
/// A picture of each of the first `num_classes` classes of the shipped ones, for what takes long
/// with all of them.
std::string few_pictures(int num_classes);
/// A plan of the checkpoint, built once, and one for small and therefore fast inputs.
const std::string& plan();
const std::string& small_plan();

}  // namespace vitro::test
