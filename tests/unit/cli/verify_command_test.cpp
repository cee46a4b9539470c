// ml-guard verify over several instances.
#include "cluster_fixture.h"

namespace mlguard::cli {
namespace {

constexpr const char* kReport =
    R"({"status":"ok","entries_checked":3,"rows_checked":2,"first_revision":1,)"
    R"("last_revision":3,"state_digest":"rows","problems":[]})";

class VerifyCommandTest : public ClusterFixture {
 protected:
  void start(std::size_t count) {
    start_cluster(count);
    set_answer("GET /v1/verify", kReport);
  }
};

TEST_F(VerifyCommandTest, EveryInstanceIsAskedItself) {
  start(3);
  const Outcome good = run({"verify"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_TRUE(contains(good.out, "INSTANCE")) << good.out;
  EXPECT_TRUE(contains(good.out, endpoints()[2] + "  follower     1,234  rows    agrees"))
      << good.out;
  EXPECT_TRUE(contains(good.out, "everything agrees")) << good.out;
  const auto json = run({"verify", "-o", "json"});
  EXPECT_TRUE(contains(json.out, "\"result\": \"agrees\"")) << json.out;
  EXPECT_TRUE(contains(run({"verify", "-o", "raw"}).out,
                       "instance\t" + endpoints()[1] + "\tagrees\t1234\trows\n"));
}

TEST_F(VerifyCommandTest, AnInstanceWithOtherRowsIsNamed) {
  start(3);
  set_status(1, {1'234, "history", "other"});
  const Outcome bad = run({"verify"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_TRUE(contains(bad.err, "the instances do not have the same state: " + endpoints()[1]))
      << bad.err;
  EXPECT_TRUE(contains(bad.out, "sound here")) << bad.out;
}

TEST_F(VerifyCommandTest, AnInstanceThatLagsIsWaitedForAndThenNamed) {
  start(2);
  set_status(1, {1'200, "older", "older"});
  std::thread catching_up([this] {
    std::this_thread::sleep_for(etcd_client::milliseconds(300));
    set_status(1, {1'234, "history", "rows"});
  });
  EXPECT_EQ(run({"verify"}).exit_code, 0);
  catching_up.join();
  set_status(1, {1'200, "older", "older"});
  const Outcome lagging = run({"verify"});
  EXPECT_EQ(lagging.exit_code, 1);
  EXPECT_TRUE(contains(lagging.err, endpoints()[1] + ": not compared (34 behind)")) << lagging.err;
  EXPECT_TRUE(contains(lagging.err, "try: ml-guard members")) << lagging.err;
}

TEST_F(VerifyCommandTest, AServerThatIsAloneIsCheckedAsEver) {
  start(1);
  const Outcome alone = run({"verify"});
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_FALSE(contains(alone.out, "INSTANCE"));
}

}  // namespace
}  // namespace mlguard::cli
