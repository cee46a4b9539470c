// The small parts around the live firewall: its configuration, what it remembers, its own host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "firewall/host_addresses.h"
#include "firewall/live_config.h"
#include "firewall/remembered.h"
#include "support/temp_dir.h"
#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FirewallConfigTest, TheShippedDocumentHasTheDefaults) {
  const auto document =
      base::read_file(std::string(MLGUARD_SOURCE_DIR) + "/data/configs/firewall.json", 1 << 20);
  ASSERT_TRUE(document.ok());
  const auto config = parse_live_config(*document);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(*config, LiveConfig());
}

TEST(FirewallConfigTest, EveryKeyIsTaken) {
  const auto config = parse_live_config(
      R"({"dry_run": true, "nftables": {"table": "t_1", "priority": 7},
          "xdp": {"enabled": true, "interfaces": ["eth1"]}, "rules_max": 12,
          "allowlist": ["10.0.0.0/8"]})");
  ASSERT_TRUE(config.ok());
  LiveConfig expected;
  expected.dry_run = true;
  expected.table = "t_1";
  expected.priority = 7;
  expected.xdp = true;
  expected.interfaces = {"eth1"};
  expected.rules_max = 12;
  expected.allowlist = {"10.0.0.0/8"};
  EXPECT_EQ(*config, expected);
}

TEST(FirewallConfigTest, WhatCannotBeEnforcedIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"nftables": {"table": "a b"}})", "invalid_table"},
      {R"({"allowlist": ["::ffff:10.0.0.1"]})", "mapped_address"},
      {R"({"rules_max": 0})", "invalid_value"},
      {R"({"rules": 1})", "unknown_key"}};
  for (const auto& [document, reason] : cases) {
    const auto config = parse_live_config(document);
    ASSERT_FALSE(config.ok()) << document;
    EXPECT_EQ(config.error().reason, reason) << document;
  }
  EXPECT_THAT(parse_global_allowlist(R"({"allowlist": ["192.0.2.1"]})").value(),
              ElementsAre("192.0.2.1"));
  EXPECT_FALSE(parse_global_allowlist(R"({"allowlist": ["::ffff:192.0.2.1"]})").ok());
}

TEST(RememberedTest, WhatWasSavedIsLoaded) {
  const support::TempDir folder;
  const std::string path = folder / "deep/firewall.json";
  EXPECT_EQ(load_remembered(path).error().code, base::ErrorCode::not_found);
  Remembered remembered;
  remembered.config = R"({"dry_run": true})";
  remembered.global_allowlist = {"10.0.0.0/8"};
  remembered.control_plane = {{net("192.0.2.1"), "an instance of the control plane"}};
  ASSERT_TRUE(save_remembered(path, remembered).ok());
  EXPECT_EQ(load_remembered(path).value(), remembered);
  for (const char* text :
       {"", "[]", R"({"config": 1})", R"({"control_plane": [["x", "y"]]})",
        R"({"control_plane": [["10.0.0.1"]]})", R"({"global_allowlist": [1]})"}) {
    support::write_text(path, text);
    const auto loaded = load_remembered(path);
    ASSERT_FALSE(loaded.ok()) << text;
    EXPECT_EQ(loaded.error().reason, "invalid_state") << text;
  }
}

TEST(HostAddressesTest, GatewaysAreReadFromTheRoutes) {
  const char* routes4 =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "eth1\t0000000A\t0200A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n"
      "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
  EXPECT_THAT(gateways_ipv4(routes4),
              ElementsAre(ProtectedNetwork{net("192.168.0.1"), "the default gateway"}));
  const char* routes6 =
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n"
      "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
      "fe800000000000000000000000000002 00000400 00000001 00000000 00000003 eth0\n"
      "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n";
  EXPECT_THAT(gateways_ipv6(routes6),
              ElementsAre(ProtectedNetwork{net("fe80::1"), "the default gateway"}));
  EXPECT_THAT(gateways_ipv4("nonsense\n\n"), IsEmpty());
}

TEST(HostAddressesTest, OwnAddressesAndEndpointsAreFound) {
  EXPECT_THAT(host_addresses(),
              Contains(ProtectedNetwork{net("127.0.0.1"), "an address of this host"}));
  EXPECT_THAT(
      endpoint_addresses({"192.0.2.5:2379", "[2001:db8::5]:2379", "not a name:1:2"}),
      ElementsAre(ProtectedNetwork{net("192.0.2.5"), "an instance of the control plane"},
                  ProtectedNetwork{net("2001:db8::5"), "an instance of the control plane"}));
}

}  // namespace
}  // namespace mlguard::firewall
