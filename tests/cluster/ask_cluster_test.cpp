// Questions in a cluster of three: whoever is asked, and whoever leads, the next question is
// answered.
#include <csignal>

#include "cluster.h"
#include "e2e/live.h"

namespace mlguard::cluster {
namespace {

constexpr std::int64_t kAnsweredWithinMs = 60'000;

class AskClusterTest : public ClusterTest {
 protected:
  // rag knows one instance only, as its operator may have typed it.
  void start_rag(std::size_t instance) {
    const auto token = ml_guard(instance, {"token", "create", "--role", "rag", "-o", "raw"});
    ASSERT_TRUE(token.exit.ok()) << token.err;
    std::string text = token.out;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    rag_.emplace(support::Process::start(
        {{support::binary("rag"), "--endpoints", at(instance).endpoint(), "--credentials",
          folder_ / "rag.credential", "--index", folder_ / "rag/index.db", "--join", text},
         at(instance).environment(),
         folder_.path(),
         {}}));
  }
  std::string ask(std::size_t instance) {
    const auto result =
        ml_guard(instance, {"ask", "why is 10.0.0.5 blocked?", "-o", "raw", "--timeout", "45s"});
    EXPECT_TRUE(result.exit.ok()) << result.out << result.err << (rag_ ? rag_->err() : "");
    return result.out;
  }

  std::optional<support::Process> rag_;
};

TEST_F(AskClusterTest, AfterTheLeadersDeathTheNextQuestionIsAnswered) {
  start_instances(3);
  const std::size_t first = wait_for_leader();
  ASSERT_LT(first, count());
  const std::size_t rags = (first + 1) % count();
  const std::size_t askers = (first + 2) % count();
  base::Rule rule = e2e::rule_of("ab12", "10.0.0.5/32");
  rule.reason = "port scan";
  ASSERT_TRUE(client(askers)->put_rules({rule}).ok());
  ASSERT_NO_FATAL_FAILURE(start_rag(rags));
  EXPECT_NE(ask(askers).find("port scan"), std::string::npos);
  at(first).kill9();
  // Asked into the election: waited for, and answered by the next leader.
  EXPECT_NE(ask(askers).find("port scan"), std::string::npos);
  EXPECT_NE(ask(rags).find("port scan"), std::string::npos);
}

TEST_F(AskClusterTest, AQuestionThatItsLeaderTookAlongIsAskedAgain) {
  start_instances(3);
  const std::size_t first = wait_for_leader();
  ASSERT_LT(first, count());
  const std::size_t rags = (first + 1) % count();
  const std::size_t askers = (first + 2) % count();
  ASSERT_NO_FATAL_FAILURE(start_rag(rags));
  ASSERT_NE(ask(askers), "");
  // A rag that is stopped takes nothing: the question lies at the leader when that dies.
  rag_->signal(SIGSTOP);
  support::Process asking =
      support::Process::start({{support::binary("ml-guard"), "ask", "what is blocked?", "-o", "raw",
                                "--endpoints", at(askers).endpoint(), "--timeout", "45s"},
                               at(askers).environment(),
                               folder_.path(),
                               {}});
  ASSERT_FALSE(asking.wait_exit(1'000).has_value()) << asking.out() << asking.err();
  at(first).kill9();
  rag_->signal(SIGCONT);
  const auto exit = asking.wait_exit(kAnsweredWithinMs);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->ok()) << asking.err();
  EXPECT_NE(asking.out(), "");
}

}  // namespace
}  // namespace mlguard::cluster
