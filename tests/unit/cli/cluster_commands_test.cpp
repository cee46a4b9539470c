// The commands about instances: members, member, leader, conflicts, status; and what is said when
// there is no majority.
#include "cluster_fixture.h"

namespace mlguard::cli {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

class ClusterCommandsTest : public ClusterFixture {};

// ---- members

TEST_F(ClusterCommandsTest, MembersShowWhoLeadsAndWhoLags) {
  start_cluster(3);
  auto list = members_;
  list.members.push_back({"10.0.0.9:2379", wire::MemberKind::learner, false, {}, {}, {}});
  list.members[2].silent_ms = 60'000;
  set_members(list);
  const Outcome table = run({"members"});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_TRUE(contains(table.out, "ADDRESS")) << table.out;
  EXPECT_TRUE(contains(table.out, endpoints()[0] + "  voter    leads      1,234    0  now"))
      << table.out;
  EXPECT_TRUE(contains(table.out, "1,232    2  60 s ago")) << table.out;
  EXPECT_TRUE(contains(table.out, "learner                 ?    ?  ?")) << table.out;
  EXPECT_EQ(table.err, "3 voters: 2 must be there, one may fail\n");
  const Outcome raw = run({"members", "-o", "raw"});
  EXPECT_TRUE(contains(raw.out, endpoints()[1] + "\tvoter\t\t1233\t1\t40\n")) << raw.out;
  EXPECT_TRUE(contains(raw.out, "10.0.0.9:2379\tlearner\t\t\t\t\n")) << raw.out;
  EXPECT_TRUE(contains(run({"members", "-o", "json"}).out, "\"lag\": null"));
}

TEST_F(ClusterCommandsTest, AMemberIsAddedUnderItsOneName) {
  start_cluster(1);
  set_answer("POST /v1/members", wire::encode(wire::WriteReply{9, 0, {}}));
  const Outcome voter = run({"member", "add", "10.0.0.7:2379"});
  EXPECT_EQ(voter.exit_code, 0) << voter.err;
  EXPECT_TRUE(contains(voter.out, "becomes a voter once it has caught up")) << voter.out;
  EXPECT_EQ(run({"member", "add", "10.0.0.8:2379", "--learner"}).exit_code, 0);
  EXPECT_EQ(writes(), std::vector<std::string>(
                          {R"(POST /v1/members {"address":"10.0.0.7:2379","learner":false})",
                           R"(POST /v1/members {"address":"10.0.0.8:2379","learner":true})"}));
  for (const char* wrong : {"10.0.0.7", "http://a:1", "a:0", "a b:1"}) {
    EXPECT_EQ(run({"member", "add", wrong}).exit_code, 2) << wrong;
  }
}

TEST_F(ClusterCommandsTest, RemovingAMemberAsksWhenItWeakensTheCluster) {
  start_cluster(3);
  const std::string address = endpoints()[2];
  const std::string path = "/v1/members/127.0.0.1%3A" + address.substr(address.find(':') + 1);
  set_answer("DELETE " + path, wire::encode(wire::WriteReply{9, 0, {}}));
  const Outcome unasked = run({"member", "remove", address});
  EXPECT_EQ(unasked.exit_code, 2) << "nobody to ask";
  EXPECT_TRUE(contains(unasked.err, "--yes")) << unasked.err;
  const Outcome refused = run({"member", "remove", address}, "n\n", Input::terminal);
  EXPECT_EQ(refused.exit_code, 0);
  EXPECT_TRUE(contains(refused.err, "2 voters would remain")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "nothing was removed")) << refused.err;
  EXPECT_TRUE(writes().empty());
  EXPECT_EQ(run({"member", "remove", address}, "y\n", Input::terminal).exit_code, 0);
  EXPECT_EQ(run({"member", "remove", address, "--yes"}).exit_code, 0);
  EXPECT_EQ(writes(), std::vector<std::string>({"DELETE " + path + " ", "DELETE " + path + " "}));
}

TEST_F(ClusterCommandsTest, RemovingAMemberSaysWhatItWouldDo) {
  start_cluster(4);
  const auto question = [this](std::size_t instance) {
    return run({"member", "remove", endpoints()[instance]}, "n\n", Input::terminal).err;
  };
  EXPECT_TRUE(contains(question(0), "It leads")) << question(0);
  EXPECT_TRUE(contains(question(3), "no_route") || contains(question(3), "there is no DELETE"))
      << "four to three needs no question: " << question(3);
  auto list = members_;
  list.members[1].silent_ms = 60'000;
  list.members[2].silent_ms.reset();
  set_members(list);
  EXPECT_TRUE(contains(question(3), "Only 1 of the 3 voters that remain can be heard"))
      << question(3);
  list.members.resize(1);
  set_members(list);
  EXPECT_TRUE(contains(question(0), "It is the only voter"));
  const Outcome unknown = run({"member", "remove", "10.9.9.9:1"});
  EXPECT_EQ(unknown.exit_code, 5);
  EXPECT_TRUE(contains(unknown.err, "try: ml-guard members")) << unknown.err;
}

// ---- leader

TEST_F(ClusterCommandsTest, TheLeaderIsNamedInEveryMode) {
  start_cluster(3);
  EXPECT_EQ(run({"leader"}).out, endpoints()[0] + " leads, in term 7\n");
  EXPECT_EQ(run({"leader", "-o", "raw"}).out, endpoints()[0] + "\n");
  EXPECT_EQ(run({"leader", "-o", "json"}).out,
            "{\"leader\":\"" + endpoints()[0] + "\",\"term\":7}\n");
  auto list = members_;
  list.leader.clear();
  set_members(list);
  EXPECT_EQ(run({"leader", "--consistency", "local"}).exit_code, 7);
}

TEST_F(ClusterCommandsTest, TheLeadIsHandedOn) {
  start_cluster(3);
  set_answer("POST /v1/leader", wire::encode(wire::LeaderReply{endpoints()[1]}));
  const Outcome done = run({"leader", "transfer", endpoints()[1]});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.out, endpoints()[1] + " leads now\n");
  EXPECT_EQ(writes(),
            std::vector<std::string>({"POST /v1/leader {\"to\":\"" + endpoints()[1] + "\"}"}));
  EXPECT_EQ(run({"leader", "transfer", "nowhere"}).exit_code, 2);
  EXPECT_EQ(run({"leader", "transfer"}).exit_code, 2);
}

// ---- conflicts

wire::ConflictInfo example_conflict() {
  wire::ConflictInfo conflict;
  conflict.table = "rule";
  conflict.key = "printers";
  conflict.reason = "older";
  conflict.recorded_at_ms = kNowMs + 60'000;
  conflict.lost = R"({"action":"drop","cidr":"192.0.2.0/24","reason":"scan"})";
  conflict.lost_at_ms = kNowMs;
  conflict.lost_by = "10.0.0.2:2379";
  conflict.kept = R"({"action":"allow","cidr":"192.0.2.0/24","reason":"our printers"})";
  return conflict;
}

TEST_F(ClusterCommandsTest, AConflictIsToldAsAStory) {
  start_cluster(1);
  wire::ConflictInfo removed = example_conflict();
  removed.key = "cameras";
  removed.reason = "clock ahead";
  removed.kept.clear();
  set_answer("GET /v1/conflicts", wire::encode_conflicts({example_conflict(), removed}));
  const Outcome story = run({"conflicts"});
  EXPECT_EQ(story.exit_code, 0) << story.err;
  for (const char* part :
       {"rule printers  found 2023-11-14T22:14:20Z (", "lost     written 2023-11-14T22:13:20Z (",
        "by 10.0.0.2:2379", "action drop, reason scan\n",
        "stands   action allow, reason our printers\n",
        "because  an instance that was cut off brought it back", "rule cameras",
        "nothing: the row was removed", "more than a minute ahead"}) {
    EXPECT_TRUE(contains(story.out, part)) << part << "\n" << story.out;
  }
  EXPECT_TRUE(contains(story.out, "action drop, cidr 192.0.2.0/24, reason scan"))
      << "all of it when nothing stands instead\n"
      << story.out;
}

TEST_F(ClusterCommandsTest, ConflictsComeInPagesAndForPrograms) {
  start_cluster(1);
  set_answer("GET /v1/conflicts", wire::encode_conflicts({example_conflict()}));
  const Outcome page = run({"conflicts", "--limit", "1", "--offset", "3"});
  EXPECT_TRUE(contains(page.err, "ml-guard conflicts --offset 4")) << page.err;
  EXPECT_EQ(servers_[0]->handled().back().target, "/v1/conflicts?limit=1&offset=3");
  const Outcome raw = run({"conflicts", "-o", "raw"});
  EXPECT_EQ(raw.out.find("2023-11-14T22:14:20.000Z\trule\tprinters\tolder\t"), 0U) << raw.out;
  EXPECT_TRUE(contains(run({"conflicts", "-o", "json"}).out, "\"kept\": {"));
  set_answer("GET /v1/conflicts", wire::encode_conflicts({}));
  EXPECT_TRUE(contains(run({"conflicts"}).out, "no conflicts"));
  EXPECT_EQ(run({"conflicts", "--limit", "0"}).exit_code, 2);
}

// ---- status

TEST_F(ClusterCommandsTest, StatusIsWhatTheInstanceAskedSaysOfItself) {
  start_cluster(3);
  for (int i = 0; i < 3; ++i) set_answer("GET /health", R"({"status":"ok","components":{}})");
  wire::NodeStatus cut_off;
  cut_off.node = "n1";
  cut_off.address = endpoints()[1];
  cut_off.role = "candidate";
  cut_off.term = 9;
  set_status(1, cut_off);
  set_status(2, {1'234, "history", "rows"});
  const Outcome follower = run_at(endpoints()[2], {"status"});
  EXPECT_EQ(follower.exit_code, 0) << follower.err;
  for (const std::string& part : {std::string("role        follower, term 7\n"),
                                  "leader      " + endpoints()[0] + ", heard 120 ms ago\n",
                                  std::string("revision 1,234, committed 1,233"),
                                  std::string("ADDRESS"), endpoints()[0] + "  voter  leads"}) {
    EXPECT_TRUE(contains(follower.out, part)) << part << "\n" << follower.out;
  }
  const Outcome alone = run_at(endpoints()[1], {"status"});
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_TRUE(contains(alone.out, "none is known here")) << alone.out;
  EXPECT_TRUE(contains(run_at(endpoints()[2], {"status", "-o", "raw"}).out, "\nage_ms\t120\n"));
}

TEST_F(ClusterCommandsTest, StatusIsAskedOfTheFirstEndpointThatAnswers) {
  start_cluster(2);
  set_answer("GET /health", R"({"status":"ok","components":{}})");
  const Outcome outcome = run_at(dead_endpoint() + "," + endpoints()[1], {"status"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "follower")) << outcome.out;
  EXPECT_EQ(servers_[0]->connections(), 0);
}

// ---- Without a majority

TEST_F(ClusterCommandsTest, WithoutAMajorityItSaysSoAndOffersLocalReads) {
  start_cluster(2);
  set_answer("GET /v1/rules", R"({"rules":[]})");
  for (const auto& server : servers_) server->set_leaderless(true);
  const Outcome refused = run({"rules", "list", "--timeout", "1s"});
  EXPECT_EQ(refused.exit_code, 7) << refused.err;
  EXPECT_TRUE(contains(refused.err, "there is no leader")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "--consistency local")) << refused.err;
  for (const auto& server : servers_) server->set_leaderless(false);
  const Outcome local = run({"rules", "list", "--consistency", "local"});
  EXPECT_EQ(local.exit_code, 0);
  EXPECT_TRUE(contains(local.err, "this is what " + endpoints()[0] +
                                      " itself has, which last heard its leader 120 ms ago"))
      << local.err;
  EXPECT_TRUE(contains(servers_[0]->handled().back().target, "consistency=local"));
}

TEST_F(ClusterCommandsTest, AWriteMayBeAcknowledgedByTheLeaderAlone) {
  start_cluster(1);
  set_answer("POST /v1/rules", wire::encode(wire::WriteReply{9, 0, {"r1"}}));
  EXPECT_EQ(run({"rules", "add", "10.0.0.1", "--ack", "leader"}).exit_code, 0);
  EXPECT_EQ(servers_[0]->handled().back().target, "/v1/rules?ack=leader");
}

}  // namespace
}  // namespace mlguard::cli
