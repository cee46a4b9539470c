// What the cluster tests share: several real etcd-servers on one host, started as a user starts
// them, and ways to ask what they say. A failing test prints the end of every server's log. One
// thread each, but for the const members.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "etcd_client/client.h"
#include "support/server_process.h"
#include "support/temp_dir.h"
#include "support/test_network.h"
#include "support/wait_until.h"

namespace mlguard::cluster {

// From the last start to one leader, and from a leader's death to the next: as promised to users,
// and tested where it is the point (failover_test.cpp). Elsewhere a busy machine may take longer.
inline constexpr std::int64_t kLeaderWithinMs = 2'000;
// For everything to be everywhere again.
inline constexpr std::int64_t kSettledWithinMs = 40'000;

class ClusterTest : public ::testing::Test {
 protected:
  void TearDown() override;

  // Makes `count` instances in the order of their ports, on one shared folder, and starts them.
  void start_instances(std::size_t count, const std::vector<std::string>& flags = {});
  // The same, each on a host of its own in network_; needs root.
  void start_on_hosts(std::size_t count);
  void start(std::size_t instance);
  support::ServerProcess& at(std::size_t instance) { return *instances_[instance]; }
  std::size_t count() const { return instances_.size(); }

  // /status of one instance at a JSON pointer; "" when it does not answer.
  std::string status(std::size_t instance, const std::string& pointer) const;
  // The instance that all running ones call the leader; nothing until they agree.
  std::optional<std::size_t> leader() const;
  // REQUIRES for success: within `within_ms`. A failure is reported, and count() returned.
  std::size_t wait_for_leader(std::int64_t within_ms = kSettledWithinMs);
  // The same, and the first instance leads: by itself, unless the machine kept it from its turn.
  void have_first_lead();
  // All running instances at one revision, with one history and one state.
  void expect_agreement();

  // Of the operator's, knowing that instance only.
  std::unique_ptr<etcd_client::Client> client(
      std::size_t instance, etcd_client::Consistency reads = etcd_client::Consistency::linearizable,
      std::int64_t deadline_ms = 10'000) const;
  support::CommandResult ml_guard(std::size_t instance, std::vector<std::string> arguments) const;

  // What a test wants beside that, before an instance is made.
  virtual void prepare(std::size_t /*instance*/, support::ServerSettings& /*settings*/) {}
  void add(support::ServerSettings settings);
  void launch_all();

  std::unique_ptr<support::TestNetwork> network_;  // Outlives the processes in it.
  support::TempDir folder_;
  std::vector<std::unique_ptr<support::ServerProcess>> instances_;
};

// A document that says `value`, and what a document says ("" for none).
std::string document_of(const std::string& value);
std::string value_of(const std::string& document);

}  // namespace mlguard::cluster
