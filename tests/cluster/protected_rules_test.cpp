// What a firewall protects is refused by whichever instance leads, whichever is asked.
#include "cluster.h"

namespace mlguard::cluster {
namespace {

using support::wait_until;

class ProtectedRulesTest : public ClusterTest {
 protected:
  // A real firewall, a dry run, which protects 198.51.100.0/24.
  support::Process start_firewall() {
    const auto put =
        client(0)->put_config("firewall", R"({"allowlist":["198.51.100.0/24"],"dry_run":true})");
    EXPECT_TRUE(put.ok());
    const auto token = ml_guard(0, {"token", "create", "--role", "firewall", "-o", "raw"});
    EXPECT_EQ(token.exit.code, 0) << token.err;
    support::ProcessOptions options;
    options.arguments = {support::binary("firewall"),
                         "--endpoints",
                         at(0).endpoint(),
                         "--dry-run",
                         "--state",
                         folder_ / "firewall.rules",
                         "--credentials",
                         folder_ / "firewall.credential",
                         "--join",
                         token.out.substr(0, token.out.find('\n'))};
    options.environment = at(0).environment();
    return support::Process::start(options);
  }
  // Empty when it is taken.
  std::string refusal(std::size_t instance) {
    const auto added = ml_guard(instance, {"rules", "add", "198.51.100.7", "--id", "r1"});
    return added.exit.code == 0 ? std::string() : added.err;
  }
  bool is_refused(std::size_t instance) {
    return wait_until(
        [&] {
          return refusal(instance).find(
                     "198.51.100.7/32 is never blocked: the firewall 'firewall'") !=
                 std::string::npos;
        },
        kSettledWithinMs, 100);
  }
};

TEST_F(ProtectedRulesTest, TheNextLeaderRefusesItTooWhicheverInstanceIsAsked) {
  ASSERT_NO_FATAL_FAILURE(start_instances(3));
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const support::Process firewall = start_firewall();
  EXPECT_TRUE(is_refused(0)) << firewall.err();
  EXPECT_TRUE(is_refused(2));
  at(0).kill9();
  const std::size_t next = wait_for_leader();
  ASSERT_LT(next, count());
  EXPECT_TRUE(is_refused(next));
  EXPECT_TRUE(is_refused(next == 1 ? 2 : 1));
}

}  // namespace
}  // namespace mlguard::cluster
