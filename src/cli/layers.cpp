#include "cli/layers.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/model.h"
#include "runtime/engine.h"

namespace vitro::cli {

Json layers_json(const Session& session, std::span<const Dims> dims) {
  Json layers = Json::array(), bindings = Json::array();
  for (const Dispatch& dispatch : program_at(session, dims)->dispatch()) {
    if (!dispatch.chosen) continue;  // the ops of its body are there instead
    layers.push_back(
        {{"Name", dispatch.source},
         {"LayerType", dispatch.op},
         {"TacticName", dispatch.choices.empty()
                            ? dispatch.chosen
                            : fmt::format("{} ({})", dispatch.chosen, dispatch.choices)},
         {"Outputs", {{{"Name", dispatch.source}, {"Dimensions", dispatch.output}}}}});
  }
  for (const IoInfo& info : session.inputs()) bindings.push_back(info.name);
  for (const IoInfo& info : session.outputs()) bindings.push_back(info.name);
  return {{"Layers", layers}, {"Bindings", bindings}};
}

}  // namespace vitro::cli
