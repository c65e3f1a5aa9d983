#include "cli/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <span>
#include <sstream>
#include <thread>

namespace vitro::test {
namespace {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    path_ = std::filesystem::temp_directory_path() / fmt::format("vitro_cli_test_{}", ::getpid());
    std::filesystem::create_directories(path_);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The file actions of one spawn, and the pipe whose reader is gone.
class Redirections {
 public:
  Redirections(const ProcessOptions& options, const std::string& out, const std::string& err) {
    posix_spawn_file_actions_init(&actions_);
    const std::string input = options.input.empty() ? "/dev/null" : options.input.string();
    open(STDIN_FILENO, input, O_RDONLY);
    constexpr int kCreate = O_WRONLY | O_CREAT | O_TRUNC;
    switch (options.out) {
      case Stdout::Captured:
        open(STDOUT_FILENO, out, kCreate);
        break;
      case Stdout::FullDisk:
        open(STDOUT_FILENO, "/dev/full", O_WRONLY);
        break;
      case Stdout::Closed:
        posix_spawn_file_actions_addclose(&actions_, STDOUT_FILENO);
        break;
      case Stdout::BrokenPipe:
        broken_pipe();
        break;
    }
    open(STDERR_FILENO, err, kCreate);
  }
  Redirections(const Redirections&) = delete;
  Redirections& operator=(const Redirections&) = delete;
  ~Redirections() {
    posix_spawn_file_actions_destroy(&actions_);
    if (writer_ >= 0) ::close(writer_);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void open(int descriptor, const std::string& path, int flags) {
    posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), flags, 0600);
  }
  void broken_pipe() {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[0]);
    writer_ = ends[1];
    posix_spawn_file_actions_adddup2(&actions_, writer_, STDOUT_FILENO);
  }

  posix_spawn_file_actions_t actions_{};
  int writer_ = -1;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string build_plan(const std::string& name, std::vector<std::string> more) {
  const std::string path = scratch_file(name);
  std::vector<std::string> arguments{"build", checkpoint(), "-o", path};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return path;
}

}  // namespace

nlohmann::json ProcessResult::json() const { return nlohmann::json::parse(out); }

namespace {

bool is_running(pid_t child) {
  siginfo_t state{};
  return ::waitid(P_PID, static_cast<id_t>(child), &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         state.si_pid == 0;
}

/// Whether a process has a handler for Ctrl-C, as Linux says in the mask of the signals it catches.
bool handles_interrupts(pid_t child) {
  std::ifstream status("/proc/" + std::to_string(child) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigCgt:"))
      return std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1;
  return false;
}

}  // namespace

ProcessResult run_vitro(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  const std::string out = scratch_file(".stdout");
  const std::string err = scratch_file(".stderr");
  std::filesystem::remove(out);
  const Redirections redirections(options, out, err);

  std::vector<std::string> argument_texts{VITRO_BINARY};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment_texts = options.environment;
  for (char** variable = environ; *variable; ++variable) environment_texts.push_back(*variable);

  ProcessResult result;
  pid_t child = 0;
  const int error =
      posix_spawn(&child, VITRO_BINARY, redirections.get(), nullptr,
                  pointers(argument_texts).data(), pointers(environment_texts).data());
  EXPECT_EQ(error, 0) << "cannot start " << VITRO_BINARY;
  if (error != 0) return result;
  if (options.limit) {
    const rlimit limit{options.limit_value, options.limit_value};
    EXPECT_EQ(::prlimit(child, static_cast<__rlimit_resource>(*options.limit), &limit, nullptr), 0);
  }
  int status = 0;
  if (options.interrupt) {
    while (!handles_interrupts(child) && is_running(child))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(::kill(child, SIGINT), 0);
  }
  if (!options.terminate_when.empty()) {
    while (::waitpid(child, &status, WNOHANG) == 0 &&
           !std::filesystem::exists(options.terminate_when))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(::kill(child, SIGTERM), 0) << "it ended before";
  }
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  if (options.out == Stdout::Captured) result.out = read_text(out);
  result.err = read_text(err);
  return result;
}

const std::filesystem::path& scratch() {
  static const ScratchDirectory directory;
  return directory.path();
}

std::string scratch_file(std::string_view name) { return (scratch() / name).string(); }

std::string write_scratch(std::string_view name, std::string_view content) {
  const std::string path = scratch_file(name);
  std::ofstream(path, std::ios::binary)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
  return path;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

int count_scratch(std::string_view prefix) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch()))
    if (entry.path().filename().string().starts_with(prefix)) ++count;
  return count;
}

std::string model_file(std::string_view name) {
  return (std::filesystem::path(VITRO_SOURCE_DIR) / "models" / name).string();
}

std::string checkpoint() { return model_file("uniformer_small_tiny200.safetensors"); }

std::string few_pictures(int num_classes) {
  const std::filesystem::path folder = scratch_file(fmt::format("{}_pictures", num_classes));
  if (std::filesystem::exists(folder)) return folder.string();
  std::filesystem::create_directory(folder);
  const std::filesystem::directory_iterator shipped(model_file("tiny200_val"));
  std::vector<std::filesystem::path> classes(begin(shipped), end(shipped));
  std::sort(classes.begin(), classes.end());
  for (const auto& of_class : std::span(classes).first(static_cast<size_t>(num_classes)))
    std::filesystem::copy(of_class, folder / of_class.filename());
  return folder.string();
}

const std::string& plan() {
  static const std::string path = build_plan("tiny200.plan", {});
  return path;
}

const std::string& small_plan() {
  static const std::string path = build_plan("small.plan", {"--size", "64"});
  return path;
}

}  // namespace vitro::test
