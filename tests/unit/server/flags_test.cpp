#include "server/flags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/files.h"

namespace mlguard::server {
namespace {

ServerFlags parse(std::initializer_list<std::string> arguments) {
  std::vector<std::string> kept = {"etcd-server"};
  kept.insert(kept.end(), arguments);
  std::vector<char*> argv;
  for (std::string& argument : kept) argv.push_back(argument.data());
  return parse_server_flags(static_cast<int>(argv.size()), argv.data());
}

TEST(FlagsTest, TheDefaultsAreWhatTheDocumentsSay) {
  const ServerFlags flags = parse({});
  EXPECT_EQ(flags.exit_code, -1);
  EXPECT_EQ(flags.options.http.port, 2379);
  EXPECT_EQ(flags.options.api.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(flags.options.health.late_ms, 15'000);
  EXPECT_EQ(flags.options.health.stale_ms, 60'000);
  EXPECT_EQ(flags.options.health.dead_ms, 600'000);
  EXPECT_EQ(flags.options.api.public_status, PublicStatus::loopback_only);
}

TEST(FlagsTest, InstancesOnOneHostShareTheKeysBesideTheirData) {
  const ServerFlags flags = parse({"--port", "2380"});
  const std::string home = base::state_home();
  EXPECT_EQ(flags.options.data_dir, home + "/2380");
  EXPECT_EQ(flags.options.cluster_key_path, home + "/cluster.key");
  EXPECT_EQ(flags.options.operator_key_path, home + "/operator.key");
}

TEST(FlagsTest, WithADataFolderTheKeysLieInItUnlessNamed) {
  const ServerFlags in_folder = parse({"--data-dir", "/x/data"});
  EXPECT_EQ(in_folder.options.cluster_key_path, "/x/data/cluster.key");
  EXPECT_EQ(in_folder.options.operator_key_path, "/x/data/operator.key");
  const ServerFlags named = parse({"--data-dir", "/x/data", "--cluster-key", "/y/key"});
  EXPECT_EQ(named.options.cluster_key_path, "/y/key");
  EXPECT_EQ(named.options.operator_key_path, "/y/operator.key");
}

TEST(FlagsTest, TheOtherTimesFollowFromStaleAfter) {
  const ServerFlags flags = parse({"--stale-after", "3s"});
  EXPECT_EQ(flags.exit_code, -1);
  EXPECT_EQ(flags.options.api.heartbeat_interval_ms, 250);
  EXPECT_EQ(flags.options.health.late_ms, 750);
  EXPECT_EQ(flags.options.health.dead_ms, 30'000);
  EXPECT_EQ(parse({"--stale-after", "1h"}).options.api.heartbeat_interval_ms, 5'000);
}

TEST(FlagsTest, HowManyRulesMayLiveIsBounded) {
  EXPECT_EQ(parse({}).options.retention.rules_max, 1'000'000U);
  EXPECT_EQ(parse({"--rules-max", "300"}).options.retention.rules_max, 300U);
  for (const char* bad : {"0", "5000001", "many"}) {
    EXPECT_EQ(parse({"--rules-max", bad}).exit_code, kExitUsage) << bad;
  }
}

TEST(FlagsTest, WhatCannotBeIsAUsageError) {
  for (const std::initializer_list<std::string>& arguments :
       std::initializer_list<std::initializer_list<std::string>>{
           {"--port", "65536"},
           {"--port", "x"},
           {"--no-such-flag"},
           {"--stale-after", "never"},
           {"--stale-after", "0s"},
           {"--stale-after", "10m", "--dead-after", "1m"},
           {"--heartbeat-interval", "30s"},
           {"--http-threads", "0"},
           {"--max-body", "1"},
           {"--log-level", "loud"},
           {"--log-format", "xml"}}) {
    EXPECT_EQ(parse(arguments).exit_code, kExitUsage) << *arguments.begin();
  }
}

std::vector<std::string> members_of(const ServerFlags& flags) {
  std::vector<std::string> members = flags.options.replica.initial_members;
  std::sort(members.begin(), members.end());
  return members;
}

TEST(FlagsTest, PeersAndTheInstanceItselfAreTheFirstMembers) {
  const ServerFlags flags = parse({"--port", "2379", "--peers", "localhost:2380,localhost:2381"});
  EXPECT_EQ(flags.exit_code, -1);
  EXPECT_EQ(flags.options.replica.self, "localhost:2379");
  const std::vector<std::string> three = {"localhost:2379", "localhost:2380", "localhost:2381"};
  EXPECT_EQ(members_of(flags), three);
  // Naming oneself among the peers changes nothing.
  EXPECT_EQ(members_of(parse(
                {"--port", "2379", "--peers", "localhost:2379,localhost:2380,localhost:2381"})),
            three);
  EXPECT_EQ(parse({"--peers", "nonsense"}).exit_code, kExitUsage);
}

TEST(FlagsTest, AnInstanceIsCalledAsItsPeersAreOnOneHostAndSaysItsNameElsewhere) {
  EXPECT_EQ(parse({"--port", "2379", "--peers", "127.0.0.1:2380"}).options.replica.self,
            "127.0.0.1:2379");
  EXPECT_EQ(parse({"--peers", "10.0.0.2:2379"}).exit_code, kExitUsage);
  EXPECT_EQ(
      parse({"--peers", "10.0.0.2:2379", "--advertise", "10.0.0.1:2379"}).options.replica.self,
      "10.0.0.1:2379");
  EXPECT_EQ(parse({"--peers", "10.0.0.2:2379", "--advertise", "nonsense"}).exit_code, kExitUsage);
}

TEST(FlagsTest, WhoJoinsIsNoMemberYet) {
  const ServerFlags flags = parse({"--port", "2382", "--join", "--peers", "localhost:2379"});
  EXPECT_EQ(members_of(flags), std::vector<std::string>{"localhost:2379"});
  EXPECT_EQ(parse({"--join"}).exit_code, kExitUsage);
}

TEST(FlagsTest, TimesOfTheProtocolAreCheckedAgainstEachOther) {
  EXPECT_EQ(parse({"--election-timeout", "2s"}).options.replica.settings.election_timeout_ms,
            2'000);
  EXPECT_EQ(parse({"--ping-interval", "500ms"}).exit_code, kExitUsage);
}

TEST(FlagsTest, HelpAndVersionEndWell) {
  EXPECT_EQ(parse({"--help"}).exit_code, 0);
  EXPECT_EQ(parse({"--version"}).exit_code, 0);
}

TEST(PeersTest, EachIsAHostAndAPort) {
  EXPECT_EQ(parse_peers("localhost:2380, [::1]:2381,10.0.0.1:1").value(),
            (std::vector<std::string>{"localhost:2380", "[::1]:2381", "10.0.0.1:1"}));
  for (const char* bad : {"", "localhost", "localhost:", ":2380", "a:0", "a:65536", "a:2380,",
                          "a b:1", "[zz]:1", "a:1x"}) {
    EXPECT_FALSE(parse_peers(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace mlguard::server
