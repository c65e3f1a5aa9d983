#pragma once

#include <optional>

#include "cli/options.h"
#include "cli/output.h"
#include "runtime/fallback.h"

namespace vitro::cli {

/// Applies the options of the log, loads or builds the model and writes what is to be said of how a
/// checkpoint was read, or of the options for a plan, to standard error as warnings.
Plan open_model(const CommonOptions& options);
/// The same, for whom the log is set.
Plan open_model(const std::filesystem::path& model, const BuildOptions& options);

/// For who prepares pictures: warns of preprocessing that was guessed.
void warn_of_guess(const Plan& plan);

/// The extents of a model's one input: its default ones but for the batch, which comes first, and
/// for the size in pixels, which ends images [batch, channels, height, width]. Throws Unsupported
/// for several inputs, and InvalidArgument for the size of what are no images.
Dims input_dims(const Plan& plan, int64_t batch, std::optional<Size> size);

/// The extents of `batch` pictures, preprocessed as the model of pictures says. Throws Unsupported
/// for a model of several inputs or of something else.
Dims picture_dims(const Plan& plan, int64_t batch);

/// Throws OutOfMemory when less memory than `needed` bytes is available: the system would end the
/// process on first touch.
void check_memory(double needed, const Dims& dims);

/// Compiles for a shape. Throws OutOfMemory when its input and the arenas of `streams` runs at once
/// exceed the available memory.
void prepare_checked(const Session& session, const Dims& dims, int streams = 1);

/// "cpu, 2 threads" or "cuda, fp16": what runs the model.
std::string execution_text(const Session& session);
/// What of a run does not use the backend that was asked for.
std::optional<FallbackUse> fallback_use(const Session& session, const Dims& dims);
/// The object "fallback" of docs/cli.md; null when there is nothing to tell.
Json fallback_json(const std::optional<FallbackUse>& use);
/// What it computes in: "fp16".
std::string precision_name(const Session& session);

}  // namespace vitro::cli
