#include "cli/firewall_view.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mlguard::cli {
namespace {

constexpr const char* kPage = R"({
  "name": "firewall-dmz", "role": "firewall", "status": "healthy",
  "heartbeat": {"detail": {"data_plane": "enforcing",
    "dropping": {"count": 1, "rules": [{"id": "hit", "packets": 1234, "bytes": 9}]},
    "exceptions": {"count": 2, "rules": [
      {"id": "gate", "partly": false, "why": "10.0.0.1 is the default gateway"},
      {"id": "wide", "partly": true, "why": "10.0.0.1 is the default gateway"}]}}},
  "applied": [{"resource": "config", "revision": 3}, {"resource": "rules", "revision": 20}]})";

base::Rule rule(const std::string& id, std::uint64_t revision = 10) {
  base::Rule made;
  made.id = id;
  made.cidr = "192.0.2.1/32";
  made.revision = revision;
  return made;
}

FirewallView dmz() {
  FirewallView view;
  EXPECT_TRUE(read_firewall(kPage, view));
  return view;
}

TEST(FirewallViewTest, EachRuleHasItsStateThere) {
  const FirewallView view = dmz();
  EXPECT_EQ(view.name, "firewall-dmz");
  EXPECT_EQ(rule_there(view, rule("hit")).state, RuleState::in_force);
  EXPECT_EQ(rule_there(view, rule("hit")).packets, 1234U);
  EXPECT_EQ(rule_there(view, rule("new", 21)).state, RuleState::not_yet);
  EXPECT_EQ(rule_there(view, rule("gate")).state, RuleState::refused);
  EXPECT_EQ(rule_there(view, rule("gate")).why, "10.0.0.1 is the default gateway");
  EXPECT_EQ(rule_there(view, rule("wide")).state, RuleState::partly);
}

TEST(FirewallViewTest, WhatIsNotToldIsNotClaimed) {
  FirewallView view = dmz();
  view.all_told = false;
  EXPECT_EQ(rule_there(view, rule("any")).state, RuleState::unknown);
  view = dmz();
  view.dry_run = true;
  EXPECT_EQ(rule_there(view, rule("any")).state, RuleState::dry_run);
  for (const char* page : {"", "[]", "{}", R"({"applied": 3, "heartbeat": []})",
                           R"({"applied": [1], "heartbeat": {"detail": "x"}})"}) {
    FirewallView empty;
    EXPECT_FALSE(read_firewall(page, empty)) << page;
    EXPECT_EQ(rule_there(empty, rule("any")).state, RuleState::not_yet) << page;
  }
}

TEST(FirewallViewTest, ManyFirewallsAreCounted) {
  FirewallsView all;
  EXPECT_EQ(in_force_text(all, rule("x")), "-");
  all.all = {dmz()};
  EXPECT_EQ(in_force_text(all, rule("x")), "firewall-dmz");
  EXPECT_EQ(in_force_text(all, rule("wide")), "firewall-dmz (partly)");
  EXPECT_EQ(in_force_text(all, rule("gate")), "none");
  all.all.resize(5, dmz());
  all.all[2].revision = 1;
  EXPECT_EQ(in_force_text(all, rule("x")), "4 of 5");
}

TEST(FirewallViewTest, TheJsonNamesEachFirewall) {
  FirewallsView all;
  all.all = {dmz()};
  const std::string json = with_firewalls(R"({"rules": [{"id": "hit"}, {"id": "gate"}]})",
                                          {rule("hit"), rule("gate")}, all);
  const auto document = nlohmann::json::parse(json);
  EXPECT_EQ(document["rules"][0]["firewalls"][0]["in_force"], "yes");
  EXPECT_EQ(document["rules"][0]["firewalls"][0]["dropped_packets"], 1234);
  EXPECT_EQ(document["rules"][1]["firewalls"][0]["in_force"], "refused");
  EXPECT_EQ(with_firewalls("no json", {}, all), "no json");
}

}  // namespace
}  // namespace mlguard::cli
