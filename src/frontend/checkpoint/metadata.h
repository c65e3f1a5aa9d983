#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vitro/image.h"

namespace vitro {

/// Most classes a model may have; the largest public label sets have some 30,000.
inline constexpr int64_t kMaxClasses = 100'000;

/// What a checkpoint says about itself, in timm's words.
struct ModelMetadata {
  std::string architecture;                    ///< empty when unknown
  int64_t num_classes = 0;                     ///< 0 when unknown
  std::optional<Preprocessing> preprocessing;  ///< none when no such key is there
  std::vector<std::string> label_ids;          ///< `label_names`, by class index; may be empty
  std::vector<std::string> labels;  ///< `label_descriptions` of the ids, the id where there is none
  std::string source_path;          ///< the file it was read from; empty when there is none
};

/// The evaluation transform of the UniFormer papers: shorter side to 256, bicubic, 224x224 from the
/// centre, ImageNet's mean and standard deviation.
Preprocessing default_preprocessing();

/// Parses the layout of timm's config.json: `architecture`, `num_classes`, `label_names`,
/// `label_descriptions`, and `pretrained_cfg` with `input_size` [3, h, w], `crop_pct`, `crop_mode`,
/// `interpolation`, `mean`, `std`; older files have the latter on the top level. What is not said
/// comes from default_preprocessing(). Other keys are ignored. `name` is what errors call the text.
/// Throws CorruptFile (no JSON, a value of the wrong type), InvalidArgument (a value that makes no
/// sense) or Unsupported (an interpolation, crop mode or channel count), naming the key.
ModelMetadata parse_model_config(std::string_view json, const std::string& name);

/// The metadata of a checkpoint, from the first of these that has any: `<stem>.config.json` beside
/// it, `config.json` in the same folder, `embedded` (the strings of a safetensors header: a key
/// `config` that holds the JSON, or the keys above with JSON values).
ModelMetadata read_model_metadata(const std::filesystem::path& checkpoint,
                                  const std::map<std::string, std::string>& embedded);

}  // namespace vitro
