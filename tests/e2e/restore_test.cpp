// A real server's history, shipped, and restored by what an operator types: the new instance
// starts, verifies, and has what stood there at that revision.
#include <gtest/gtest.h>

#include <filesystem>

#include "live.h"
#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::e2e {
namespace {

using replicator::test::TestSource;
using support::CommandResult;

class RestoreE2eTest : public LiveServerTest {
 protected:
  // Two states of a server's life, each shipped while it is down.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_TRUE(operator_client()->put_config("sniffer", config_document(500, 1)).ok());
    ASSERT_NO_FATAL_FAILURE(stop_and_ship());
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_TRUE(operator_client()->put_rules({rule_of("r-1", "192.0.2.7")}).ok());
    ASSERT_NO_FATAL_FAILURE(stop_and_ship());
    with_rule_ = shipped_;
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_TRUE(operator_client()->put_config("sniffer", config_document(500, 2)).ok());
    ASSERT_TRUE(operator_client()->remove_rule("r-1").ok());
    ASSERT_NO_FATAL_FAILURE(stop_and_ship());
  }
  void stop_and_ship() {
    ASSERT_TRUE(server_.terminate().has_value());
    const auto cluster = wire::load_cluster_key(key_file());
    ASSERT_TRUE(cluster.ok()) << cluster.error().message;
    base::ManualClock clock;
    TestSource source(server_.database(), clock);
    replicator::ShipOptions options;
    options.folder = folder();
    options.work_folder = folder_ / "work";
    replicator::SegmentShipper shipper(options, replicator::ShippingKey::of(*cluster), source);
    for (std::int64_t now_ms = 1; now_ms < 4; ++now_ms) {
      const base::Status shipped = shipper.flush(now_ms);
      ASSERT_TRUE(shipped.ok()) << shipped.error().message;
    }
    shipped_ = shipper.status().shipped;
  }
  std::string folder() const { return folder_ / "shipped"; }
  std::string key_file() const { return server_.home() + "/cluster.key"; }
  std::string new_dir() const { return folder_ / "new"; }

  CommandResult restore(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"restore", "--from", folder()});
    return support::ml_guard(server_, std::move(arguments));
  }

  std::uint64_t shipped_ = 0;
  std::uint64_t with_rule_ = 0;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(RestoreE2eTest, AnEarlierStateComesBackAsANewInstance) {
  const std::string revision = std::to_string(with_rule_);
  const CommandResult done = restore({"--to-revision", revision, "--data-dir", new_dir()});
  ASSERT_EQ(done.exit.code, 0) << done.out << done.err;
  EXPECT_TRUE(contains(done.out, "restored  revision " + revision + " of 20")) << done.out;
  // The next command to type, as it is printed.
  EXPECT_TRUE(contains(
      done.out, "etcd-server --port 2379 --data-dir " + new_dir() + " --cluster-key " + key_file()))
      << done.out;

  support::ServerSettings settings;
  settings.flags = {"--data-dir", new_dir(), "--cluster-key", key_file()};
  settings.state_folder = std::filesystem::path(server_.home()).parent_path();
  support::ServerProcess restored(settings);
  const base::Status started = restored.start();
  ASSERT_TRUE(started.ok()) << started.error().message;
  const CommandResult verified = support::ml_guard(restored, {"verify"});
  EXPECT_EQ(verified.exit.code, 0) << verified.out << verified.err;
  EXPECT_EQ(support::ml_guard(restored, {"config", "get", "sniffer"}).out, config_document(500, 1));
  EXPECT_TRUE(contains(support::ml_guard(restored, {"rules", "list"}).out, "192.0.2.7"));
  EXPECT_EQ(support::ml_guard(restored, {"config", "put", "sniffer", "-"}, "{}").exit.code, 0);
}

TEST_F(RestoreE2eTest, TheListAndTheRefusalsReachTheOperatorWithTheirExitCodes) {
  const CommandResult list = restore({"--list"});
  EXPECT_EQ(list.exit.code, 0) << list.err;
  EXPECT_TRUE(contains(list.out, "to " + std::to_string(shipped_))) << list.out;
  const CommandResult json = restore({"--list", "-o", "json"});
  EXPECT_EQ(json_at(json.out, "/ranges/0/last"), std::to_string(shipped_)) << json.out;

  const CommandResult beyond = restore({"--to-revision", "99999", "--data-dir", new_dir()});
  EXPECT_EQ(beyond.exit.code, 1);
  EXPECT_TRUE(contains(beyond.err, "--to-revision " + std::to_string(shipped_))) << beyond.err;
  const CommandResult taken = restore({"--data-dir", server_.data_dir()});
  EXPECT_EQ(taken.exit.code, 1);
  EXPECT_TRUE(contains(taken.err, server_.database())) << taken.err;
  EXPECT_EQ(restore({}).exit.code, 2);
  EXPECT_EQ(restore({"--to-revision", "x", "--data-dir", new_dir()}).exit.code, 2);
}

TEST_F(RestoreE2eTest, WithoutTheClustersKeyItSaysWhatIsMissing) {
  const CommandResult none = restore({"--list", "--cluster-key", folder_ / "none.key"});
  EXPECT_EQ(none.exit.code, 1);
  EXPECT_TRUE(contains(none.err, folder_ / "none.key")) << none.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.key"));
  ASSERT_TRUE(wire::load_or_create_cluster_key(folder_ / "other.key").ok());
  const CommandResult other =
      restore({"--data-dir", new_dir(), "--cluster-key", folder_ / "other.key"});
  EXPECT_EQ(other.exit.code, 1);
  EXPECT_TRUE(contains(other.err, "belongs to the cluster")) << other.err;
}

}  // namespace
}  // namespace mlguard::e2e
