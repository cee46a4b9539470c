// Partitions between hosts: real processes in network namespaces. Needs root.
#include <thread>

#include "cluster.h"
#include "support/mounts.h"

namespace mlguard::cluster {
namespace {

using etcd_client::Consistency;

class PartitionTest : public ClusterTest {
 protected:
  void SetUp() override {
    if (!support::is_root()) GTEST_SKIP() << "network namespaces need root";
  }
  void part_from_all(std::size_t instance) {
    for (std::size_t other = 0; other < count(); ++other) {
      if (other != instance) network_->part(instance, other);
    }
  }
};

TEST_F(PartitionTest, ALeaderThatIsCutOffStepsDownAndTheRestGoesOn) {
  start_on_hosts(3);
  if (HasFatalFailure()) return;
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  ASSERT_TRUE(client(1)->put_config("sniffer", document_of("before")).ok());
  expect_agreement();
  part_from_all(0);
  ASSERT_TRUE(support::wait_until([&] { return status(0, "/leader").empty(); }, kSettledWithinMs));
  // The cut-off side acknowledges nothing, and still says what it has.
  etcd_client::ClientOptions options;
  options.endpoints = {at(0).endpoint()};
  options.credential_path = at(0).operator_key();
  options.discovery = etcd_client::Discovery::fixed;
  options.call_deadline = std::chrono::milliseconds(1'500);
  auto cut_off = etcd_client::Client::open(options);
  ASSERT_TRUE(cut_off.ok());
  EXPECT_FALSE((*cut_off)->put_config("sniffer", document_of("never")).ok());
  const auto local = (*cut_off)->call({"GET", "/v1/config/sniffer?consistency=local", "", {}});
  ASSERT_TRUE(local.ok()) << local.error().message;
  EXPECT_EQ(value_of(local->body), "before");
  const auto put = client(1)->put_config("sniffer", document_of("meanwhile"));
  EXPECT_TRUE(put.ok()) << put.error().message;

  network_->heal();
  wait_for_leader();
  expect_agreement();
  const auto read = client(0)->get_config("sniffer");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(value_of(read->document), "meanwhile");
}

TEST_F(PartitionTest, AFollowerThatWasCutOffComesBackWithoutDeposingTheLeader) {
  start_on_hosts(3);
  if (HasFatalFailure()) return;
  // On a busy machine a leader may lose the lead by itself, but not three times in a row.
  bool deposed = true;
  for (int round = 0; round < 3 && deposed; ++round) {
    ASSERT_NO_FATAL_FAILURE(have_first_lead());
    const std::string term = status(0, "/term");
    part_from_all(2);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(client(0)->put_config("sniffer", document_of(std::to_string(i))).ok());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2'000));
    network_->heal();
    expect_agreement();
    wait_for_leader();
    deposed = leader() != 0U || status(0, "/term") != term;
  }
  EXPECT_FALSE(deposed);
}

TEST_F(PartitionTest, AFollowerThatCannotAnswerItsLeaderDoesNotDisturbTheOthers) {
  start_on_hosts(3);
  if (HasFatalFailure()) return;
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  network_->part_one_way(2, 0);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client(1)->put_config("sniffer", document_of(std::to_string(i))).ok());
  }
  network_->heal();
  expect_agreement();
}

}  // namespace
}  // namespace mlguard::cluster
