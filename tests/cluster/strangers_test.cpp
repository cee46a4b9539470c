// Peers that have the cluster's key and still must not be believed: another schema, garbage, and
// entries out of their order.
#include <atomic>

#include "base/clock.h"
#include "cluster.h"
#include "db/migrations.h"
#include "lying_replica.h"
#include "replicator/message_codec.h"
#include "replicator/peer_channel.h"
#include "replicator/peer_identity.h"
#include "server/server.h"

namespace mlguard::cluster {
namespace {

using support::wait_until;

const wire::HttpTimeouts kTimeouts = {std::chrono::seconds(2), std::chrono::seconds(5)};

class StrangersTest : public ClusterTest {
 protected:
  // What `instance` says to a message of a peer's with the cluster's own keys.
  base::Result<replicator::PeerChannel::Reply> tell(std::size_t instance, const std::string& schema,
                                                    const std::string& body) {
    const auto cluster = wire::load_or_create_cluster_key(at(instance).home() + "/cluster.key");
    if (!cluster) return cluster.error();
    const replicator::PeerIdentity identity =
        replicator::peer_identity(*cluster, "localhost:" + std::to_string(kNobodysPort));
    replicator::PeerChannel channel(identity, {"localhost", at(instance).port()});
    wire::Message message;
    message.fields = {{"node-id", "0123456789abcdef"}, {"schema", schema}};
    message.body = body;
    return channel.call("POST", "/v1/peer", message, kTimeouts, replicator::Repeat::forbidden);
  }
  // Alive, with the leader that it had, and writing.
  void expect_unharmed(std::size_t led) {
    EXPECT_TRUE(wait_until([&] { return leader() == led; }, kSettledWithinMs, 50));
    const auto put = client(1)->put_config("rag", document_of("well"));
    EXPECT_TRUE(put.ok()) << put.error().message;
    expect_agreement();
    EXPECT_EQ(ml_guard(0, {"verify"}).exit.code, 0);
  }

  static constexpr std::uint16_t kNobodysPort = 9;
};

std::string ping_from(const replicator::NodeId& from, const replicator::NodeId& to) {
  replicator::Message message;
  message.from = from;
  message.to = to;
  message.term = 1'000;  // Believed, it would depose the leader.
  message.body = replicator::Ping{};
  return replicator::encode(message);
}

TEST_F(StrangersTest, APeerWithAnotherSchemaIsRefusedByNameAndHarmsNobody) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const std::string from = at(2).endpoint();
  const auto reply = tell(0, "1", ping_from(from, at(0).endpoint()));
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->status, 409);
  EXPECT_NE(reply->message.body.find("schema_mismatch"), std::string::npos) << reply->message.body;
  EXPECT_NE(reply->message.body.find(from), std::string::npos) << reply->message.body;
  expect_unharmed(0);
}

TEST_F(StrangersTest, APeerThatSendsGarbageIsRefusedAndHarmsNobody) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const std::string sound = ping_from(at(2).endpoint(), at(0).endpoint());
  std::vector<std::string> garbage = {"", "{}", std::string(100'000, '\xff')};
  for (std::size_t cut = 1; cut < sound.size(); ++cut) garbage.push_back(sound.substr(0, cut));
  for (const std::string& body : garbage) {
    const auto reply = tell(0, std::to_string(db::latest_schema_version()), body);
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply->status, 400) << reply->message.body;
  }
  expect_unharmed(0);
}

// The test's own instance leads, with the others as real processes, and lies to them.
class LiarTest : public StrangersTest {
 protected:
  void SetUp() override {
    start_instances(3);
    ASSERT_NO_FATAL_FAILURE(have_first_lead());
    expect_agreement();
    // In the place of the first, with its files.
    at(0).kill9();
    wait_for_leader();
    server::ServerOptions options;
    options.http.port = at(0).port();
    options.replica.self = at(0).endpoint();
    options.replica.initial_members = {at(0).endpoint(), at(1).endpoint(), at(2).endpoint()};
    options.data_dir = at(0).data_dir();
    options.cluster_key_path = at(0).home() + "/cluster.key";
    options.operator_key_path = at(0).operator_key();
    auto started = server::Server::start(
        options, clock_, [this](std::unique_ptr<replicator::Replicator> real) {
          return std::make_unique<LyingReplica>(std::move(real), lie_);
        });
    ASSERT_TRUE(started.ok()) << started.error().message;
    liar_ = std::move(*started);
    const auto leads = [&] {
      (void)ml_guard(1, {"leader", "transfer", at(0).endpoint()});
      return status(1, "/leader") == at(0).endpoint() && status(2, "/leader") == at(0).endpoint();
    };
    ASSERT_TRUE(wait_until(leads, kSettledWithinMs, 100));
  }

  // Writes that the liar takes in, in bursts so that several entries travel together.
  void write_through_the_liar() {
    etcd_client::ClientOptions options;
    options.endpoints = {at(0).endpoint()};
    options.credential_path = at(0).operator_key();
    options.discovery = etcd_client::Discovery::fixed;
    options.writes = etcd_client::Ack::leader;
    auto opened = etcd_client::Client::open(options);
    ASSERT_TRUE(opened.ok());
    for (int i = 0; i < 200; ++i) {
      (void)(*opened)->put_config("sniffer", document_of(std::to_string(i)));
    }
  }
  // Both followers say `what` in their logs, and nothing that they hold is wrong.
  void expect_named(const std::string& what) {
    for (std::size_t i = 1; i < count(); ++i) {
      const auto named = [&] { return at(i).log().find(what) != std::string::npos; };
      EXPECT_TRUE(wait_until(named, kSettledWithinMs, 50)) << at(i).log();
    }
  }
  void expect_recovery_without_it() {
    liar_->stop();
    liar_.reset();
    const std::size_t led = wait_for_leader();
    start(0);  // An honest one again.
    expect_unharmed(led);
  }

  base::SystemClock clock_;
  std::atomic<Lie> lie_ = Lie::none;
  std::unique_ptr<server::Server> liar_;
};

TEST_F(LiarTest, EntriesOutOfOrderAreRefusedByNameAndTheOthersGoOn) {
  lie_ = Lie::entries_out_of_order;
  write_through_the_liar();
  expect_named("cannot be applied: the log here ends at revision");
  expect_recovery_without_it();
}

TEST_F(LiarTest, EntriesWithAnotherContentAreRefusedByNameAndTheOthersGoOn) {
  lie_ = Lie::another_content;
  write_through_the_liar();
  expect_named("entry");
  expect_recovery_without_it();
}

TEST_F(LiarTest, GarbageInsteadOfEntriesIsRefusedByNameAndTheOthersGoOn) {
  lie_ = Lie::garbage;
  write_through_the_liar();
  expect_named("a peer cannot be talked to");
  expect_recovery_without_it();
}

}  // namespace
}  // namespace mlguard::cluster
