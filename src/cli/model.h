#pragma once

#include <optional>

#include "backends/backend.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/shapes.h"
#include "runtime/fallback.h"

namespace vitro::cli {

/// Applies the options of the log, loads or builds the model and writes what is to be said of how a
/// checkpoint was read, or of the options for a plan, to standard error as warnings.
Plan open_model(const CommonOptions& options);
/// The same, for who runs the model at these extents: one that leaves the size of pictures open is
/// built for theirs, since its nodes may refuse the usual one.
Plan open_model(const CommonOptions& options, const RunShape& at);
/// The same, for whom the log is set.
Plan open_model(const std::filesystem::path& model, const BuildOptions& options);

/// For who prepares pictures: warns of preprocessing that was guessed.
void warn_of_guess(const Plan& plan);

/// The extents of all inputs: those of `shapes`, else the default ones but for the batch, which
/// comes first, and for the size in pixels, which ends images [batch, channels, height, width]. Of
/// several inputs those whose first extent may vary have the batch, and images the size. Throws
/// NotFound for shapes of an input that there is not, and InvalidArgument for the size of what are
/// no images.
std::vector<Dims> run_dims(const Plan& plan, const RunShape& at);

/// Those of a model's one input. Throws Unsupported for several inputs.
Dims input_dims(const Plan& plan, int64_t batch, std::optional<Size> size);

/// Made up, of these extents and of the types that the session takes.
std::vector<Tensor> synthetic_inputs(const Session& session, std::span<const Dims> dims);

/// The extents of `batch` pictures, preprocessed as the model of pictures says. Throws Unsupported
/// for a model of several inputs or of something else.
Dims picture_dims(const Plan& plan, int64_t batch);

/// What runs for inputs of these extents.
std::shared_ptr<const Executable> program_at(const Session& session, std::span<const Dims> dims);

/// Throws OutOfMemory when less memory than `needed` bytes is available: the system would end the
/// process on first touch.
void check_memory(double needed, const Dims& dims);

/// Compiles for the extents of all inputs. Throws OutOfMemory when these and the arenas of
/// `streams` runs at once exceed the available memory.
void prepare_checked(const Session& session, std::span<const Dims> dims, int streams = 1);

/// The same for one of two models that get the same input: an error names it, and `hint` says what
/// changes an input that it does not take.
void prepare_beside(const std::string& which, const Session& session, const Dims& dims,
                    const std::string& hint);

/// "cpu, 2 threads" or "cuda, fp16": what runs the model.
std::string execution_text(const Session& session);
/// What of a run does not use the backend that was asked for.
std::optional<FallbackUse> fallback_use(const Session& session, std::span<const Dims> dims);
/// The object "fallback" of docs/cli.md; null when there is nothing to tell.
Json fallback_json(const std::optional<FallbackUse>& use);
/// What it computes in: "fp16".
std::string precision_name(const Session& session);

}  // namespace vitro::cli
