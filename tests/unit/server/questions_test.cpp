// Questions over the sealed API: who may ask and who may answer, long polls, and the audit trail.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/server/server_fixture.h"
#include "wire/question_relay.h"

namespace mlguard::server::test {
namespace {

using base::Role;
using nlohmann::json;

class QuestionsTest : public ServerTest {
 protected:
  static std::string ask(SealedClient& op, const std::string& text) {
    wire::Question question;
    question.text = text;
    const Answer answer = op.call("POST", "/v1/questions", wire::encode(question));
    EXPECT_EQ(answer.status, 200) << answer.message.body;
    const auto id = wire::decode_question_id(answer.message.body);
    return id.ok() ? *id : std::string();
  }
  static wire::QuestionTask take(SealedClient& rag, const std::string& wait = "0s") {
    const Answer answer = rag.call("GET", "/v1/questions/next?wait=" + wait);
    EXPECT_EQ(answer.status, 200) << answer.message.body;
    const auto task = wire::decode_question_task(answer.message.body);
    return task.ok() ? *task : wire::QuestionTask{};
  }
  static wire::QuestionNews news(SealedClient& op, const std::string& id, std::uint64_t attempt,
                                 std::uint64_t after) {
    const Answer answer =
        op.call("GET", "/v1/questions/" + id + "?wait=10s&attempt=" + std::to_string(attempt) +
                           "&after=" + std::to_string(after));
    EXPECT_EQ(answer.status, 200) << answer.message.body;
    const auto found = wire::decode_question_news(answer.message.body);
    return found.ok() ? *found : wire::QuestionNews{};
  }
  static int tell(SealedClient& rag, const std::string& id, const wire::AnswerPart& part) {
    return rag.call("POST", "/v1/questions/" + id + "/answer", wire::encode(part)).status;
  }
};

TEST_F(QuestionsTest, AWaitingRagGetsTheQuestionAtOnceAndItsAskerThePartsAndTheAnswer) {
  start();
  SealedClient op = connect_operator();
  SealedClient rag = enrol(op, Role::rag).client;
  const auto poll = rag.seal("GET", "/v1/questions/next?wait=30s");
  rag.send("GET", "/v1/questions/next?wait=30s", poll.sealed);
  const std::string id = ask(op, "what is blocked?");
  const Answer handed = rag.receive(poll.counter);
  const auto task = wire::decode_question_task(handed.message.body);
  ASSERT_TRUE(task.ok() && task->question.has_value()) << handed.message.body;
  EXPECT_EQ(task->question->id, id);
  EXPECT_EQ(task->question->text, "what is blocked?");
  EXPECT_EQ(task->question->asked_by, "operator");

  ASSERT_EQ(tell(rag, id, {1, 1, "Nothing", {}}), 200);
  wire::QuestionNews heard = news(op, id, 0, 0);
  EXPECT_EQ(heard.text, "Nothing");
  EXPECT_FALSE(heard.answer.has_value());
  wire::AnswerPart end{1, 2, " is.", wire::Answer{}};
  end.answer->text = "Nothing is.";
  ASSERT_EQ(tell(rag, id, end), 200);
  heard = news(op, id, 1, 1);
  EXPECT_EQ(heard.text, " is.");
  ASSERT_TRUE(heard.answer.has_value());
  EXPECT_EQ(heard.answer->text, "Nothing is.");
}

TEST_F(QuestionsTest, OnlyOperatorsAskOnlyRagsAnswerAndNobodyHearsAnothersAnswer) {
  start();
  SealedClient op = connect_operator();
  SealedClient rag = enrol(op, Role::rag).client;
  EXPECT_FALSE(take(rag).question.has_value());
  const std::string id = ask(op, "status?");
  wire::Question question;
  question.text = "status?";
  for (const Role role : {Role::sniffer, Role::ml_detector, Role::firewall, Role::rag}) {
    SealedClient client = enrol(op, role).client;
    EXPECT_EQ(client.call("POST", "/v1/questions", wire::encode(question)).status, 403);
    EXPECT_EQ(client.call("GET", "/v1/questions/" + id + "?wait=0s").status, 403);
    EXPECT_EQ(client.call("POST", "/v1/questions/" + id + "/approve", "{}").status, 403);
    const int expected = role == Role::rag ? 200 : 403;
    EXPECT_EQ(client.call("GET", "/v1/questions/next?wait=0s").status, expected);
  }
  EXPECT_EQ(op.call("GET", "/v1/questions/next?wait=0s").status, 403);
  EXPECT_EQ(op.call("POST", "/v1/questions/" + id + "/answer", "{}").status, 403);
  SealedClient other = enrol(op, Role::operator_, "second").client;
  const Answer foreign = other.call("GET", "/v1/questions/" + id + "?wait=0s");
  EXPECT_EQ(foreign.status, 404);
  EXPECT_EQ(reason(foreign), "no_question");
  EXPECT_EQ(plain("POST", "/v1/questions").status, 401);
}

TEST_F(QuestionsTest, AnApprovalIsInTheAuditTrailBeforeAnythingRuns) {
  start();
  SealedClient op = connect_operator();
  SealedClient rag = enrol(op, Role::rag).client;
  EXPECT_FALSE(take(rag).question.has_value());
  const std::string id = ask(op, "raise it to 0.9");
  const wire::QuestionTask task = take(rag);
  ASSERT_TRUE(task.question.has_value());
  wire::AnswerPart end{task.attempt, 0, "", wire::Answer{}};
  end.answer->known = true;
  end.answer->proposal = wire::Proposal{
      "config.set", {{"component", "ml-detector"}, {"value", "0.9"}}, "something else", "", 1};
  ASSERT_EQ(tell(rag, id, end), 200);

  wire::Proposal wanted = *end.answer->proposal;
  wanted.command = "ml-guard config set ml-detector thresholds.block 0.9";
  wire::Proposal other = wanted;
  other.arguments[1].second = "0.1";
  const Answer refused = op.call("POST", "/v1/questions/" + id + "/approve", wire::encode(other));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(reason(refused), "not_proposed");
  EXPECT_EQ(op.call("GET", "/v1/audit").message.body.find("ask.approved"), std::string::npos);

  ASSERT_EQ(op.call("POST", "/v1/questions/" + id + "/approve", wire::encode(wanted)).status, 200);
  const json audit = json::parse(op.call("GET", "/v1/audit").message.body);
  const auto& records = audit.begin().value().is_array() ? audit.begin().value() : audit["audit"];
  bool found = false;
  for (const json& record : records) {
    if (record["action"] != "ask.approved") continue;
    found = true;
    EXPECT_EQ(record["actor"], "operator");
    EXPECT_EQ(record["subject"], "config/ml-detector");
    EXPECT_EQ(record["detail"], "asked: \"raise it to 0.9\"; runs: " + wanted.command);
  }
  EXPECT_TRUE(found) << audit.dump();
}

TEST_F(QuestionsTest, APollEndsWithNothingWhenItsTimeIsUp) {
  start();
  SealedClient op = connect_operator();
  SealedClient rag = enrol(op, Role::rag).client;
  EXPECT_FALSE(take(rag, "100ms").question.has_value());
  const std::string id = ask(op, "status?");
  const Answer answer = op.call("GET", "/v1/questions/" + id + "?wait=100ms");
  const auto heard = wire::decode_question_news(answer.message.body);
  ASSERT_TRUE(heard.ok());
  EXPECT_FALSE(heard->answer.has_value());
  EXPECT_EQ(heard->parts, 0U);
}

}  // namespace
}  // namespace mlguard::server::test
