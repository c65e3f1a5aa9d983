#include "frontend/checkpoint/prefixes.h"

#include <gtest/gtest.h>

namespace vitro {
namespace {

using Names = std::vector<std::string>;

Names prefixes_of(const Names& names) {
  TensorFile file;
  for (const std::string& name : names) file.tensors.push_back({name, DType::Float32, {1}, {}});
  return find_prefixes(file);
}

TEST(Prefixes, AreWhatComesBeforeALandmark) {
  EXPECT_EQ(prefixes_of({"blocks1.0.pos_embed.weight", "blocks3.0.pos_embed.weight"}), Names{""});
  EXPECT_EQ(prefixes_of({"head.weight", "a.b.blocks2.0.pos_embed.weight"}), Names{"a.b."});
  EXPECT_EQ(prefixes_of({"netblocks1.0.pos_embed.weight"}), Names{"net"});
  EXPECT_EQ(prefixes_of({"t.blocks1.0.pos_embed.weight", "s.blocks1.0.pos_embed.weight"}),
            (Names{"t.", "s."}));
  for (const char* name : {"blocks1.0.pos_embed.bias", "blocks1.1.pos_embed.weight", "weight",
                           "blocks1.x.0.pos_embed.weight", "0.pos_embed.weight", "", "."})
    EXPECT_TRUE(prefixes_of({name}).empty()) << name;
}

TEST(Prefixes, WrappersMayStandInside) {
  EXPECT_EQ(prefixes_of({"m.blocks1.0._fsdp_wrapped_module._orig_mod.pos_embed.weight"}),
            Names{"m."});
  EXPECT_EQ(without_wrappers("blocks1._orig_mod.0._fsdp_wrapped_module.mlp.fc1.weight"),
            "blocks1.0.mlp.fc1.weight");
  EXPECT_EQ(without_wrappers("head.weight"), "head.weight");
}

TEST(Prefixes, KeysAreThemOrPartsOfThem) {
  const Names prefixes{"", "state_dict.module.", "state_dict_ema.module.", "module."};
  EXPECT_EQ(prefixes_of_key(prefixes, "state_dict"), Names{"state_dict.module."});
  EXPECT_EQ(prefixes_of_key(prefixes, "state_dict_ema.module"), Names{"state_dict_ema.module."});
  EXPECT_EQ(prefixes_of_key(prefixes, "module"), Names{"module."}) << "the one that it is";
  EXPECT_EQ(prefixes_of_key(prefixes, "."), Names{""});
  EXPECT_TRUE(prefixes_of_key(prefixes, "state").empty());
  EXPECT_EQ(prefixes_of_key({"a.x.", "b.x."}, "x").size(), 2u);
  EXPECT_EQ(shortest_key(prefixes, "state_dict_ema.module."), "state_dict_ema");
  EXPECT_EQ(shortest_key(prefixes, ""), ".");
  EXPECT_EQ(shortest_key({"a.x.", "a.x.x."}, "a.x.x."), "a.x.x");
}

TEST(Prefixes, TheConventionIsThatOfTimm) {
  EXPECT_EQ(conventional_prefix({"state_dict.", "state_dict_ema.module."}),
            Names{"state_dict_ema.module."});
  EXPECT_EQ(conventional_prefix({"model.", "model_ema."}), Names{"model_ema."});
  EXPECT_EQ(conventional_prefix({"", "ema."}), Names{"ema."});
  EXPECT_EQ(conventional_prefix({"model.", "state_dict."}), Names{"state_dict."});
  EXPECT_TRUE(conventional_prefix({"student.", "teacher."}).empty());
  EXPECT_TRUE(conventional_prefix({"ema_1.", "ema_2."}).empty());
  EXPECT_TRUE(conventional_prefix({"model.", "student."}).empty());
  EXPECT_TRUE(is_average("Model-EMA.")) << "in any case";
  EXPECT_FALSE(is_average("schema.demand."));
}

}  // namespace
}  // namespace vitro
