#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vitro/image.h"
#include "vitro/plan.h"

namespace vitro {

/// Most classes a model may have; the largest public label sets have some 30,000.
inline constexpr int64_t kMaxClasses = 100'000;

// What preprocessing may ask for. Mean and standard deviation are of values in [0, 1].
inline constexpr double kMinCropPct = 0.01, kMaxCropPct = 1.0;
inline constexpr double kMinMean = 0.0, kMaxMean = 1.0;
inline constexpr double kMinStd = 1e-3, kMaxStd = 1.0;

/// What a text of metadata is called.
struct ConfigNames {
  std::string file;    ///< in errors and notes: its path
  std::string origin;  ///< in Origins: "config.json", or "metadata" in the checkpoint itself
};

/// The evaluation transform of the UniFormer papers: shorter side to 256, bicubic, 224x224 from the
/// centre, ImageNet's mean and standard deviation.
Preprocessing default_preprocessing();

/// What a checkpoint says about itself, in timm's words.
struct ModelMetadata {
  std::string architecture;  ///< empty when unknown
  int64_t num_classes = 0;   ///< 0 when unknown
  /// With the defaults in the parts that `origins` lacks.
  Preprocessing preprocessing = default_preprocessing();
  std::vector<std::string> label_ids;            ///< `label_names`, by class index; may be empty
  std::vector<std::string> labels;               ///< `label_descriptions` of the ids, else the ids
  std::optional<std::array<int, 2>> min_size;    ///< `min_input_size`: height and width
  std::optional<std::array<int, 2>> fixed_size;  ///< `input_size` where it is `fixed_input_size`
  Origins origins;                 ///< of what it says: "config.json: pretrained_cfg.mean"
  std::vector<std::string> notes;  ///< what it says and Vitro does not do
  std::string source_path;         ///< the file it was read from; empty when there is none
};

/// Whether a name, or "name.tag" as timm writes it, is one of model_configs().
bool is_known_architecture(std::string_view name);

/// Parses the layout of timm's config.json: `architecture`, `num_classes`, `label_names`,
/// `label_descriptions`, and `pretrained_cfg` with `input_size` [3, h, w], `crop_pct`, `crop_mode`,
/// `interpolation`, `mean`, `std`; older files have the latter on the top level. `test_input_size`
/// and `test_crop_pct` count before those without `test_`, as in timm's validate.py. What is not
/// said comes from default_preprocessing(). Of other keys, those that may change what the model
/// answers give a note. The parts in `decided` (keys of Origins) are decided elsewhere and not
/// read. Throws CorruptFile (no JSON, a value of the wrong type), InvalidArgument (a value that
/// makes no sense) or Unsupported (an interpolation, crop mode or channel count), naming the key.
ModelMetadata parse_model_config(std::string_view json, const ConfigNames& names,
                                 const std::set<std::string>& decided = {});

/// The metadata of a checkpoint, from the first of these that has any: `<stem>.config.json` beside
/// it, `config.json` in the same folder, `embedded` (the strings of a safetensors header: a key
/// `config` that holds the JSON, or the keys above with JSON values). A `config.json` whose
/// architecture Vitro does not know and whose number of classes is not `num_classes` (0: unknown)
/// is of another model and passed over. Notes say what was there and not taken.
ModelMetadata read_model_metadata(const std::filesystem::path& checkpoint,
                                  const std::map<std::string, std::string>& embedded,
                                  int64_t num_classes = 0,
                                  const std::set<std::string>& decided = {});

}  // namespace vitro
