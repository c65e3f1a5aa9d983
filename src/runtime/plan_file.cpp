#include <array>
#include <fstream>
#include <set>
#include <unordered_map>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "formats/safetensors.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "runtime/plan_json.h"
#include "vitro/vitro.h"

// A plan is a safetensors file: the weights are its tensors, 64-byte aligned in the layout that
// kernels read; everything else is text in `__metadata__`. docs/plan-format.md describes it.
namespace vitro {
namespace {

constexpr const char* kPlanVersion = "2";
using Metadata = std::map<std::string, std::string>;

void add_text(Checksum& sum, const std::string& text) {
  const uint64_t size = text.size();
  sum.update(std::as_bytes(std::span(&size, 1)));
  sum.update(as_byte_span(text));
}

/// Of all metadata but the checksum itself, then of every tensor in file order.
std::string plan_checksum(const Metadata& metadata, const std::vector<TensorEntry>& tensors) {
  Checksum sum;
  for (const auto& [key, value] : metadata) {
    if (key == "checksum") continue;
    add_text(sum, key);
    add_text(sum, value);
  }
  for (const TensorEntry& tensor : tensors) {
    add_text(sum, tensor.name);
    sum.update(tensor.bytes);
  }
  return sum.digits();
}

Dims stored_dims(const Constant& constant, const PlanCache& cache) {
  if (constant.storage.empty()) return constant.type.dims;
  return cache.form(constant).dims(constant.type);
}

const std::string& require(const Metadata& metadata, const char* key, const std::string& path) {
  const auto found = metadata.find(key);
  check(found != metadata.end(), ErrorCode::CorruptFile, "plan '{}': no '{}' in its metadata", path,
        key);
  return found->second;
}

void check_version(const Metadata& metadata, const std::string& path) {
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kPlanFormat)
    fail_hint(ErrorCode::CorruptFile,
              fmt::format("build it first: vitro build {} -o model.plan", path),
              "'{}' is not a Vitro plan", path);
  const std::string& version = require(metadata, "plan_version", path);
  if (version == kPlanVersion) return;
  const auto source = metadata.find("source");
  fail_hint(ErrorCode::Unsupported,
            fmt::format("rebuild it: vitro build {} -o {}",
                        source == metadata.end() ? "CHECKPOINT" : source->second, path),
            "plan '{}' has format version {}, this Vitro {} reads version {}", path, version,
            vitro::version(), kPlanVersion);
}

/// Points every constant of the graph at its tensor in the file.
void attach_weights(Graph& graph, const PlanCache& cache, const TensorFile& file,
                    const std::shared_ptr<const void>& owner, const std::string& path) {
  std::unordered_map<std::string, const TensorEntry*> by_name;
  for (const TensorEntry& tensor : file.tensors) by_name[tensor.name] = &tensor;
  for (Value& value : graph.values) {
    if (!value.constant) continue;
    const auto found = by_name.find(value.name);
    check(found != by_name.end(), ErrorCode::CorruptFile, "plan '{}': no weights '{}'", path,
          value.name);
    const TensorEntry& tensor = *found->second;
    check(tensor.dtype == value.type.dtype && tensor.dims == stored_dims(*value.constant, cache),
          ErrorCode::CorruptFile, "plan '{}': weights '{}' are {} {}, expected {} {}", path,
          value.name, dtype_name(tensor.dtype), to_string(tensor.dims),
          dtype_name(value.type.dtype), to_string(stored_dims(*value.constant, cache)));
    check(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % dtype_size(tensor.dtype) == 0,
          ErrorCode::CorruptFile, "plan '{}': weights '{}' are not aligned", path, value.name);
    value.constant->bytes = tensor.bytes;
    value.constant->owner = owner;
  }
}

}  // namespace

bool is_plan_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;  // a pipe would block
  // The metadata comes first in the header, and "format" sorts before the long entries.
  std::array<char, 512> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  const std::string_view text(head.data(), static_cast<size_t>(file.gcount()));
  return text.find(fmt::format("\"{}\"", kPlanFormat)) != std::string_view::npos;
}

void save(const Plan& plan, const std::filesystem::path& path) {
  const PlanData& data = Internals::data(plan);
  std::vector<TensorEntry> tensors;
  std::set<std::string> names;
  for (const Value& value : data.graph.values) {
    if (!value.constant) continue;
    check(names.insert(value.name).second, ErrorCode::Internal, "plan: two weights are named '{}'",
          value.name);
    tensors.push_back({value.name, value.type.dtype, stored_dims(*value.constant, *data.cache),
                       value.constant->bytes});
  }
  Metadata metadata{
      {"format", std::string(kPlanFormat)},        {"plan_version", kPlanVersion},
      {"source", repaired_utf8(data.info.source)}, {"graph", graph_to_json(data.graph)},
      {"info", plan_info_to_json(data.info)},      {"weights", weights_to_json(data.weights)}};
  if (!data.tactics.empty()) metadata["tactics"] = tactics_to_json(data.tactics);
  if (data.quantization) metadata["quantization"] = quantization_to_json(*data.quantization);
  metadata["checksum"] = plan_checksum(metadata, tensors);
  write_safetensors(path, tensors, metadata);
}

std::shared_ptr<const PlanData> plan_from_tensors(const TensorFile& file,
                                                  std::shared_ptr<const void> owner,
                                                  const std::string& name) {
  check_version(file.metadata, name);
  auto plan = std::make_shared<PlanData>();
  plan->info = plan_info_from_json(require(file.metadata, "info", name));
  plan->weights = weights_from_json(require(file.metadata, "weights", name));
  plan->graph = graph_from_json(require(file.metadata, "graph", name));
  if (const auto found = file.metadata.find("tactics"); found != file.metadata.end())
    plan->tactics = tactics_from_json(found->second);
  if (const auto found = file.metadata.find("quantization"); found != file.metadata.end())
    plan->quantization = quantization_from_json(found->second);
  attach_weights(plan->graph, *plan->cache, file, owner, name);
  verify(plan->graph);
  return plan;
}

Plan load(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const TensorFile tensors = read_safetensors(file);
  check_version(tensors.metadata, path.string());
  const std::string& stored = require(tensors.metadata, "checksum", path.string());
  const std::string actual = plan_checksum(tensors.metadata, tensors.tensors);
  if (stored != actual)
    fail_hint(ErrorCode::CorruptFile, "copy it again, or rebuild it with vitro build",
              "plan '{}': checksum {}, its bytes have {}", path.string(), stored, actual);
  return Internals::plan(plan_from_tensors(tensors, file, path.string()));
}

}  // namespace vitro
