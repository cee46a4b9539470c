#include "agent/config_schema.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/model.h"
#include "firewall/config_schema.h"
#include "ml_detector/config_schema.h"
#include "rag/config_schema.h"
#include "sniffer/config_schema.h"

namespace mlguard::agent {
namespace {

const ConfigSchema kSchema = {
    {"flag", ConfigType::boolean},
    {"group.count", ConfigType::whole, 1, 10},
    {"group.share", ConfigType::real, 0, 1},
    {"group.name", ConfigType::text, 1, 5},
    {"mode", ConfigType::choice, 0, 0, {"fast", "slow"}},
    {"names", ConfigType::text_list, 1, 2},
    {"nets", ConfigType::cidr_list, 0, 3},
};

std::string default_config(const std::string& name) {
  auto text = base::read_file(std::string(MLGUARD_SOURCE_DIR) + "/data/configs/" + name + ".json",
                              base::kConfigBytesMax);
  EXPECT_TRUE(text.ok());
  return text.ok() ? *text : "";
}

TEST(ConfigSchemaTest, AGoodDocumentPasses) {
  const auto checked = check_config(kSchema, R"({"flag":true,"group":{"count":10,"share":0.5,
      "name":"abc"},"mode":"slow","names":["a","b"],"nets":["10.0.0.0/8","::1","1.2.3.4"]})");
  EXPECT_TRUE(checked.ok()) << checked.error().message;
}

TEST(ConfigSchemaTest, KeysMayBeAbsent) { EXPECT_TRUE(check_config(kSchema, "{}").ok()); }

TEST(ConfigSchemaTest, AnUnknownKeyIsRefusedByItsNameAtEveryLevel) {
  const auto top = check_config(kSchema, R"({"flga":true})");
  ASSERT_FALSE(top.ok());
  EXPECT_EQ(top.error().reason, "unknown_key");
  EXPECT_NE(top.error().message.find("'flga'"), std::string::npos);
  const auto inner = check_config(kSchema, R"({"group":{"cuont":1}})");
  ASSERT_FALSE(inner.ok());
  EXPECT_NE(inner.error().message.find("'group.cuont'"), std::string::npos);
  EXPECT_NE(inner.error().message.find("group.count"), std::string::npos) << "the known ones";
}

TEST(ConfigSchemaTest, ABadValueIsRefusedWithItsKeyAndWhatItMustBe) {
  for (const auto& [document, key] : std::vector<std::pair<std::string, std::string>>{
           {R"({"flag":1})", "flag"},
           {R"({"group":{"count":0}})", "group.count"},
           {R"({"group":{"count":11}})", "group.count"},
           {R"({"group":{"count":1.5}})", "group.count"},
           {R"({"group":{"share":1.01}})", "group.share"},
           {R"({"group":{"share":"0.5"}})", "group.share"},
           {R"({"group":{"name":""}})", "group.name"},
           {R"({"group":{"name":"abcdef"}})", "group.name"},
           {R"({"group":5})", "group"},
           {R"({"mode":"medium"})", "mode"},
           {R"({"names":[]})", "names"},
           {R"({"names":["a","b","c"]})", "names"},
           {R"({"names":[1]})", "names"},
           {R"({"nets":["10.0.0.0/33"]})", "nets"},
           {R"({"nets":["10.0.0"]})", "nets"},
           {R"({"nets":["10.0.0.1/"]})", "nets"},
           {R"({"nets":"10.0.0.1"})", "nets"}}) {
    const auto checked = check_config(kSchema, document);
    ASSERT_FALSE(checked.ok()) << document;
    EXPECT_EQ(checked.error().reason, "invalid_value") << document;
    EXPECT_NE(checked.error().message.find("'" + key + "' must be"), std::string::npos)
        << checked.error().message;
  }
}

TEST(ConfigSchemaTest, WhatIsNoJsonObjectIsRefused) {
  EXPECT_EQ(check_config(kSchema, "{\"a\":").error().reason, "invalid_json");
  EXPECT_EQ(check_config(kSchema, "[1]").error().reason, "invalid_value");
}

TEST(ConfigSchemaTest, EveryDefaultConfigurationPassesItsOwnSchema) {
  for (const auto& [name, schema] : std::vector<std::pair<std::string, ConfigSchema>>{
           {"sniffer", sniffer::config_schema()},
           {"ml-detector", ml_detector::config_schema()},
           {"firewall", firewall::config_schema()},
           {"rag", rag::config_schema()},
           {"global", global_schema()}}) {
    const auto checked = check_config(schema, default_config(name));
    EXPECT_TRUE(checked.ok()) << name << ": " << checked.error().message;
  }
}

TEST(ConfigSchemaTest, EveryKeyIsExplainedToPeople) {
  const auto docs = base::read_file(std::string(MLGUARD_SOURCE_DIR) + "/docs/configuration.md",
                                    base::kConfigBytesMax);
  ASSERT_TRUE(docs.ok());
  for (const ConfigSchema& schema :
       {sniffer::config_schema(), ml_detector::config_schema(), firewall::config_schema(),
        rag::config_schema(), global_schema()}) {
    for (const ConfigKey& key : schema) {
      EXPECT_NE(docs->find("`" + key.path + "`"), std::string::npos) << key.path;
    }
  }
}

}  // namespace
}  // namespace mlguard::agent
