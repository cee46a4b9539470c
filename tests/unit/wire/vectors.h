// Published test vectors from MLGUARD_SHARED_DIR/vectors. They are not part of the repository: a
// test that needs them skips, and says so, where ../shared is absent.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/ids.h"

namespace mlguard::wire::testing {

inline std::optional<nlohmann::json> load_vectors(const std::string& name) {
  std::ifstream file(std::string(MLGUARD_SHARED_DIR) + "/vectors/" + name);
  if (!file) return std::nullopt;
  return nlohmann::json::parse(file);
}

inline std::string unhex(const nlohmann::json& hex) {
  const auto bytes = base::from_hex(hex.get<std::string>());
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : std::string();
}

}  // namespace mlguard::wire::testing

// Leaves the test when the vectors are absent, with the reason in the output.
#define MLGUARD_LOAD_VECTORS(variable, name)                                            \
  const auto variable##_loaded = ::mlguard::wire::testing::load_vectors(name);          \
  if (!variable##_loaded) {                                                             \
    GTEST_SKIP() << "published vectors " << MLGUARD_SHARED_DIR << "/vectors/" << (name) \
                 << " are absent: nothing was checked";                                 \
  }                                                                                     \
  const nlohmann::json& variable = *variable##_loaded
