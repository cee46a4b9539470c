// A full disk and a read-only one, on real small mounts (needs root). Nothing acknowledged is
// lost, the server says what is wrong, and goes on by itself once there is room.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/ids.h"
#include "live.h"
#include "support/mounts.h"

namespace mlguard::e2e {
namespace {

using support::Mount;

constexpr std::size_t kMiB = 1024 * 1024;

class DiskTest : public LiveServerTest {
 protected:
  void SetUp() override {
    if (!support::is_root()) GTEST_SKIP() << "mounting a small disk needs root";
    std::filesystem::create_directories(server_.home());
  }

  // Documents that do not compress, until the disk is full. Returns the refusal.
  base::Error fill(etcd_client::Client& client) {
    for (int i = 0; i < 2'000; ++i) {
      const std::string document = "{\"blob\":\"" + base::random_hex(support::kPatienceMs) + "\"}";
      const auto put = client.put_config("sniffer", document);
      if (!put.ok()) return put.error();
      acknowledged_[put->version] = document;
    }
    return {base::ErrorCode::internal, "the disk never filled"};
  }

  void expect_all_acknowledged(etcd_client::Client& client) {
    for (const auto& [version, document] : acknowledged_) {
      const auto got = client.get_config("sniffer", version);
      ASSERT_TRUE(got.ok()) << "lost: version " << version << ": " << got.error().message;
      EXPECT_EQ(got->document, document) << version;
    }
    const auto report = client.call({"GET", "/v1/verify", "", {}});
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(json_array_size(report->body, "/problems"), 0u) << report->body;
  }

  std::map<std::uint64_t, std::string> acknowledged_;
};

TEST_F(DiskTest, AFullDiskRefusesWritesServesReadsAndRecoversWhenThereIsRoom) {
  Mount disk = Mount::tmpfs(server_.home(), 8 * kMiB);
  ASSERT_EQ(disk.problem(), "");
  ASSERT_NO_FATAL_FAILURE(start());
  const auto admin = operator_client();
  const auto sniffer = agent_client(base::Role::sniffer, "sniffer");
  ASSERT_TRUE(admin && sniffer);
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "one";
  ASSERT_TRUE(sniffer->register_component(component).ok());

  const base::Error refusal = fill(*admin);
  EXPECT_EQ(refusal.reason, "disk_full") << refusal.message;
  EXPECT_GT(acknowledged_.size(), 10u);
  // Reads go on, heartbeats go on, and it says that it is not well.
  const auto got = admin->get_config("sniffer");
  ASSERT_TRUE(got.ok()) << got.error().message;
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.instance_id = "one";
  beat.seq = 1;
  EXPECT_TRUE(sniffer->heartbeat(beat).ok());
  EXPECT_EQ(json_at(page("/status"), "/healthy"), "false") << page("/status");
  EXPECT_NE(json_at(page("/status"), "/problem"), "") << page("/status");

  ASSERT_TRUE(disk.resize(32 * kMiB));
  EXPECT_TRUE(
      support::wait_until([&] { return admin->put_config("firewall", config_document(500)).ok(); },
                          support::kPatienceMs, 100));
  EXPECT_TRUE(support::wait_until([&] { return json_at(page("/status"), "/healthy") == "true"; },
                                  support::kPatienceMs, 50));
  ASSERT_NO_FATAL_FAILURE(expect_all_acknowledged(*admin));
}

TEST_F(DiskTest, AKillOnAFullDiskLosesNothing) {
  Mount disk = Mount::tmpfs(server_.home(), 8 * kMiB);
  ASSERT_EQ(disk.problem(), "");
  ASSERT_NO_FATAL_FAILURE(start());
  {
    const auto admin = operator_client();
    ASSERT_TRUE(admin);
    EXPECT_EQ(fill(*admin).reason, "disk_full");
  }
  server_.kill9();
  server_.launch();
  // Either it comes up (and serves what there is) or it ends with a clear message; never a hang.
  ASSERT_TRUE(
      support::wait_until([&] { return !server_.process().running() || !page("/status").empty(); },
                          support::kPatienceMs));
  if (!server_.process().running()) {
    EXPECT_EQ(server_.process().wait_exit(0)->text(), "exit 1");
    EXPECT_NE(server_.log().find("disk"), std::string::npos) << server_.log();
  }
  server_.kill9();
  ASSERT_TRUE(disk.resize(32 * kMiB));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  ASSERT_NO_FATAL_FAILURE(expect_all_acknowledged(*admin));
}

TEST_F(DiskTest, ADiskThatIsFullFromTheStartIsSaidClearly) {
  Mount disk = Mount::tmpfs(server_.home(), 16 * 1024);
  ASSERT_EQ(disk.problem(), "");
  server_.launch();
  const auto exit = server_.process().wait_exit(support::kPatienceMs);
  ASSERT_TRUE(exit.has_value()) << server_.log();
  EXPECT_EQ(exit->text(), "exit 1") << server_.log();
  const std::string log = server_.log();
  EXPECT_TRUE(log.find("full") != std::string::npos || log.find("space") != std::string::npos)
      << log;
}

TEST_F(DiskTest, AReadOnlyDataFolderIsSaidClearlyAndNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_TRUE(operator_client()->put_config("sniffer", config_document(500)).ok());
  ASSERT_TRUE(server_.terminate().has_value());
  {
    const Mount read_only = Mount::read_only(server_.home());
    ASSERT_EQ(read_only.problem(), "");
    server_.launch();
    const auto exit = server_.process().wait_exit(support::kPatienceMs);
    ASSERT_TRUE(exit.has_value()) << server_.log();
    EXPECT_EQ(exit->text(), "exit 1") << server_.log();
    const std::string log = server_.log();
    EXPECT_TRUE(log.find("read-only") != std::string::npos ||
                log.find("Read-only") != std::string::npos)
        << log;
    EXPECT_NE(log.find(server_.data_dir()), std::string::npos) << log;
  }
  ASSERT_NO_FATAL_FAILURE(start());
  const auto active = operator_client()->get_config("sniffer");
  ASSERT_TRUE(active.ok());
  EXPECT_EQ(active->document, config_document(500));
}

}  // namespace
}  // namespace mlguard::e2e
