#include "server/key_rotation.h"

#include <gtest/gtest.h>

namespace mlguard::server {
namespace {

void expect_settings(std::string_view document, std::int64_t period_s, std::int64_t grace_s) {
  const KeyRotationSettings settings = key_rotation_settings(document);
  EXPECT_EQ(settings.period_ms, period_s * 1'000) << document;
  EXPECT_EQ(settings.grace_ms, grace_s * 1'000) << document;
}

TEST(KeyRotationSettingsTest, WhatTheGlobalConfigurationSaysCounts) {
  expect_settings(R"({"pipeline":{"key_period_s":3600,"key_grace_s":30}})", 3'600, 30);
  expect_settings(R"({"pipeline":{"key_period_s":3600}})", 3'600, kKeyGraceSecondsDefault);
  expect_settings(R"({"pipeline":{"key_grace_s":1}})", kKeyPeriodSecondsDefault, 1);
}

TEST(KeyRotationSettingsTest, WhatIsMissingOrCannotBeIsTheDefault) {
  for (const char* document :
       {"", "{", "[]", "{}", R"({"pipeline":7})", R"({"pipeline":{}})",
        R"({"pipeline":{"key_period_s":"1 day","key_grace_s":null}})",
        R"({"pipeline":{"key_period_s":9,"key_grace_s":0}})",
        R"({"pipeline":{"key_period_s":1e99,"key_grace_s":86401}})",
        R"({"pipeline":{"key_period_s":99999999999999999999,"key_grace_s":-5}})"}) {
    expect_settings(document, kKeyPeriodSecondsDefault, kKeyGraceSecondsDefault);
  }
}

TEST(KeyRotationSettingsTest, AGraceThatDoesNotFitIntoThePeriodIsCutDown) {
  expect_settings(R"({"pipeline":{"key_period_s":60,"key_grace_s":600}})", 60, 20);
}

}  // namespace
}  // namespace mlguard::server
