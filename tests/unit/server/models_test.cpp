// Models over the sealed API: who may push and who may fetch, and that bytes come back as they
// were.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/sha256.h"
#include "tests/unit/server/server_fixture.h"

namespace mlguard::server::test {
namespace {

using base::Role;
using nlohmann::json;

std::string sha256_of(const std::string& bytes) {
  base::Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

// Bytes of every value, that do not compress.
std::string random_bytes(std::size_t count) {
  std::mt19937 random(7);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() & 0xFFU);
  return bytes;
}

class ModelsTest : public ServerTest {
 protected:
  static Answer push(SealedClient& client, const std::string& whole, std::size_t part,
                     std::size_t parts) {
    const std::size_t each = (whole.size() + parts - 1) / parts;
    return client.call("PUT",
                       "/v1/models/" + sha256_of(whole) + "/parts/" + std::to_string(part) +
                           "?parts=" + std::to_string(parts) + "&name=default",
                       whole.substr(part * each, each));
  }
};

TEST_F(ModelsTest, WhatAnOperatorPushesADetectorFetches) {
  start();
  SealedClient op = connect_operator();
  SealedClient detector = enrol(op, Role::ml_detector).client;
  const std::string whole = random_bytes(2'500'000);
  const std::string target = "/v1/models/" + sha256_of(whole);
  EXPECT_EQ(detector.call("GET", target).status, 404);
  for (std::size_t part = 0; part < 3; ++part) {
    const Answer pushed = push(op, whole, part, 3);
    ASSERT_EQ(pushed.status, 200) << pushed.message.body;
    const json about = json::parse(detector.call("GET", target).message.body);
    EXPECT_EQ(about["complete"], part == 2);
    EXPECT_EQ(about["parts"], 3);
  }
  std::string fetched;
  for (std::size_t part = 0; part < 3; ++part) {
    fetched += detector.call("GET", target + "/parts/" + std::to_string(part)).message.body;
  }
  EXPECT_EQ(sha256_of(fetched), sha256_of(whole));
  EXPECT_EQ(detector.call("GET", target + "/parts/3").status, 404);
  EXPECT_EQ(detector.call("GET", target + "/parts/x").status, 400);
  const json list = json::parse(op.call("GET", "/v1/models").message.body);
  ASSERT_EQ(list["models"].size(), 1U);
  EXPECT_EQ(list["models"][0]["bytes"], whole.size());
  EXPECT_EQ(list["models"][0]["author"], "operator");
  EXPECT_EQ(op.call("DELETE", target).status, 200);
  EXPECT_EQ(detector.call("GET", target).status, 404);
}

TEST_F(ModelsTest, OnlyOperatorsPushAndRemoveAndSniffersSeeNothing) {
  start();
  SealedClient op = connect_operator();
  ASSERT_EQ(push(op, "a model", 0, 1).status, 200);
  for (const Role role : {Role::sniffer, Role::ml_detector, Role::firewall, Role::rag}) {
    SealedClient client = enrol(op, role).client;
    EXPECT_EQ(push(client, "another", 0, 1).status, 403) << base::to_string(role);
    EXPECT_EQ(client.call("DELETE", "/v1/models/" + sha256_of("a model")).status, 403);
    const bool may_read = role == Role::ml_detector || role == Role::rag;
    EXPECT_EQ(client.call("GET", "/v1/models").status, may_read ? 200 : 403);
  }
  EXPECT_EQ(plain("GET", "/v1/models").status, 401);
}

TEST_F(ModelsTest, DetectionsAreFoundByHowTheirIdBegins) {
  start();
  SealedClient op = connect_operator();
  ASSERT_EQ(op.call("POST", "/v1/detections",
                    R"({"detections":[{"id":"ab1","kind":"portscan","score":0.9},)"
                    R"({"id":"ab2","kind":"portscan","score":0.9}]})")
                .status,
            200);
  const auto found = [&](const std::string& id) {
    const Answer answer = op.call("GET", "/v1/detections?id=" + id);
    return json::parse(answer.message.body)["detections"].size();
  };
  EXPECT_EQ(found("ab"), 2U);
  EXPECT_EQ(found("ab2"), 1U);
  EXPECT_EQ(found("b"), 0U);
}

}  // namespace
}  // namespace mlguard::server::test
