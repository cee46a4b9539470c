// What the end-to-end tests share: a fixture with one real etcd-server, clients for its operator
// and for enrolled agents, agent processes, and readings of JSON and /metrics. A test that fails
// prints the end of the server's log. One thread each.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/model.h"
#include "etcd_client/client.h"
#include "support/http.h"
#include "support/pin_folder.h"
#include "support/process.h"
#include "support/server_process.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "wire/credentials.h"

namespace mlguard::e2e {

// Time and memory limits hold for the product as it is built to be used; sanitizers make it slower
// and larger.
#ifdef MLGUARD_SANITIZED
inline constexpr int kSlowdown = 10;
#else
inline constexpr int kSlowdown = 1;
#endif

class LiveServerTest : public ::testing::Test {
 protected:
  LiveServerTest();
  void TearDown() override;

  // Starts (again) and waits; a failure is reported and ends the test.
  void start(std::vector<std::string> flags = {});

  // A client with the host's operator key; nullptr (and a failure) when that is impossible.
  std::unique_ptr<etcd_client::Client> operator_client(std::int64_t deadline_ms = 10'000);
  // Makes a token, enrols `name` with it, and returns the credential's path.
  std::string enrol(base::Role role, const std::string& name);
  std::unique_ptr<etcd_client::Client> agent_client(base::Role role, const std::string& name);
  std::string credential_path(const std::string& name) const;

  // A join token's text; `component` empty: any name that fits.
  std::string make_token(base::Role role, const std::string& component = {}, int uses = 1,
                         int ttl_s = 3'600);
  // Starts the agent's binary with a token of its own.
  support::Process start_agent(const std::string& binary, const std::string& name,
                               std::vector<std::string> flags = {});

  // /health's or /components' body, "" when it does not answer 200.
  std::string page(const std::string& target) const;
  // The value of a series in /metrics ("name" or "name{label=\"x\"}"); nothing when absent.
  std::optional<double> metric(const std::string& series) const;
  std::string health_of(const std::string& component) const;  // "" when unknown
  bool server_is_well();  // answers, accepts a sealed write and reads it back

  // What the agents' processes need: the server's, and a place of their own for what they pin.
  std::vector<std::pair<std::string, std::string>> agent_environment() const;

  support::ServerProcess server_;
  support::TempDir folder_;  // credentials and whatever a test wants to write
  support::PinFolder pins_;
};

std::unique_ptr<etcd_client::Client> open_client(const std::string& credential,
                                                 const std::string& endpoint,
                                                 std::int64_t deadline_ms = 10'000);

// The value at a JSON pointer ("/components/sniffer/status"): text as it is, anything else as JSON.
// Empty when there is none, when it is null, or when the text is no JSON.
std::string json_at(std::string_view json, const std::string& pointer);
bool is_json(std::string_view text);
std::size_t json_array_size(std::string_view json, const std::string& pointer);

// A JSON document of exactly `bytes` bytes, like a real configuration: it compresses well, and
// differs with `seed`. REQUIRES: bytes >= 40.
std::string config_document(std::size_t bytes, int seed = 1);

base::Rule rule_of(const std::string& id, const std::string& cidr);

}  // namespace mlguard::e2e
