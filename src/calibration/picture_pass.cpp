#include "calibration/picture_pass.h"

#include <algorithm>

#include "calibration/state.h"
#include "core/check.h"
#include "core/checksum.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

/// Runs pictures through a model under the eyes of a collector.
class PictureRun {
 public:
  PictureRun(std::shared_ptr<const PlanData> plan, Collector& collector, int threads)
      : engine_(Internals::plan(std::move(plan)),
                {.backend = kCalibrationBackend, .threads = threads, .streams = 1}),
        collector_(collector) {}

  void run(const TensorView& pictures) {
    const auto program = engine_.program({&pictures, 1});
    std::vector<Tensor> results;
    std::vector<TensorView> views;
    for (const TensorType& type : program->outputs()) {
      results.emplace_back(type.dtype, type.dims);
      views.push_back(results.back().view());
    }
    collector_.begin(*program, pictures);
    engine_.run({&pictures, 1}, views, {}, &collector_);
    collector_.end();
  }

 private:
  Engine engine_;
  Collector& collector_;
};

std::string hash_of(std::span<const std::string> hashes) {
  Checksum list;
  for (const std::string& hash : hashes) list.update(as_byte_span(hash));
  return list.digits();
}

}  // namespace

PicturePass::PicturePass(const std::shared_ptr<const PlanData>& plan,
                         std::span<const CalibratedProduct> products, CalibrationImages images,
                         const CalibrateOptions& options, int threads)
    : plan_(plan),
      products_(products),
      options_(options),
      images_(std::move(images)),
      team_(threads),
      preprocessing_(plan->info.classifier->preprocessing),
      hashes_(content_hashes(images_.images, team_)),
      collector_(plan->graph, products, team_) {}

/// What ends up in the bits of the result: sums depend on the batch and on the instruction set, not
/// on the number of threads; methods come after the pass.
PassIdentity PicturePass::identity() const {
  return {fmt::format("{} {}", model_hash(plan_->info, plan_->weights),
                      checksum(as_byte_span(print(plan_->graph)))),
          hash_of(hashes_),
          fmt::format("Vitro {} on {}, batch {}, preprocessing {}, pictures of at most {} pixels "
                      "and {} bytes",
                      version(), find_backend(kCalibrationBackend).instruction_set(),
                      options_.batch, preprocessing_id(preprocessing_), options_.limits.max_pixels,
                      options_.limits.max_bytes)};
}

void PicturePass::restore(const PartialFile& file) {
  ByteReader bytes = file.state();
  StateReader reader(bytes);
  state(reader);
  const auto total = images_.images.size();
  reader.expect(
      bytes.remaining() == 0 && next_ <= total &&
          std::all_of(taken_.begin(), taken_.end(), [&](uint64_t image) { return image < total; }),
      "the state of another pass");
  kept_ = next_;
}

void PicturePass::resume(BatchReader& reader) {
  if (options_.partial.empty()) return;
  std::optional<PartialFile> file;
  std::string reason;
  try {
    file = PartialFile::load(options_.partial);
    if (!file) return;
    reason = difference(file->identity(), identity());
  } catch (const Error& error) {
    reason = error.what();
  }
  if (!reason.empty()) {
    options_.on_restart(reason);
    return;
  }
  restore(*file);
  options_.on_resume(static_cast<int64_t>(next_), static_cast<int64_t>(images_.images.size()));
  for (const std::string& message : failures_) options_.on_failure(message);
  reader.skip_to(static_cast<size_t>(next_), static_cast<int64_t>(failures_.size()));
}

void PicturePass::keep() {
  if (options_.partial.empty() || next_ == kept_ || taken_.empty()) return;
  StateWriter writer;
  state(writer);
  PartialFile::save(options_.partial, identity(), writer.bytes());
  kept_ = next_;
}

bool PicturePass::run() {
  PictureRun run(plan_, collector_, team_.size());
  const auto total = static_cast<int64_t>(images_.images.size());
  const int64_t batch = std::min(options_.batch, total);
  Tensor pictures({batch, 3, preprocessing_.height, preprocessing_.width});
  const std::span<float> pixels = pictures.as<float>();
  const size_t size = pixels.size() / static_cast<size_t>(batch);
  BatchReader reader(preprocessing_, images_.images, team_,
                     {options_.limits, [this](const std::string& message) {
                        failures_.push_back(message);
                        options_.on_failure(message);
                      }});
  resume(reader);
  while (!options_.stop()) {
    const std::vector<size_t> indices = reader.read(pixels, static_cast<size_t>(batch));
    next_ = reader.next();
    if (indices.empty()) {
      keep();  // what follows takes time, too
      return true;
    }
    for (size_t i = 0; i < indices.size(); ++i)
      pixels_.add(pixels.subspan(i * size, size), images_.images[indices[i]].path.string());
    TensorView view = pictures.view();
    view.dims[0] = static_cast<int64_t>(indices.size());
    run.run(view);
    taken_.insert(taken_.end(), indices.begin(), indices.end());
    options_.on_progress(static_cast<int64_t>(next_), total);
    if (static_cast<int64_t>(next_ - kept_) >= options_.keep_every) keep();
  }
  keep();
  return false;
}

std::string PicturePass::image_hash() const {
  std::vector<std::string> hashes;
  for (uint64_t image : taken_) hashes.push_back(hashes_[static_cast<size_t>(image)]);
  return hash_of(hashes);
}

std::vector<std::string> PicturePass::notes() {
  std::vector<std::string> notes = notes_of_classes(images_, plan_->info.classifier->num_classes);
  const auto append = [&](std::vector<std::string> more) {
    notes.insert(notes.end(), more.begin(), more.end());
  };
  if (!failures_.empty())
    notes.push_back(fmt::format("{} of {} pictures could not be read", failures_.size(),
                                images_.images.size()));
  append(pixels_.notes());
  append(notes_of_copies(images_, hashes_));
  if (options_.evaluation.empty()) return notes;
  const CalibrationImages evaluation = find_images(options_.evaluation);
  append(notes_of_overlap(images_, hashes_, evaluation, content_hashes(evaluation.images, team_)));
  return notes;
}

}  // namespace vitro
