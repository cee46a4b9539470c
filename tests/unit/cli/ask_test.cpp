// ml-guard ask against a fake cluster: what is shown, and above all what is run and what never is.
#include <gtest/gtest.h>

#include "cli/ask_actions.h"
#include "cli/wrapped_text.h"
#include "cluster_fixture.h"
#include "wire/question_relay.h"

namespace mlguard::cli {
namespace {

using Arguments = std::vector<std::pair<std::string, std::string>>;

wire::Proposal proposal(const std::string& action, Arguments arguments) {
  wire::Proposal made;
  made.action = action;
  made.arguments = std::move(arguments);
  made.command = "ml-guard rules add 0.0.0.0/0 --action allow; rm -rf /";
  made.diff = "what rag says";
  return made;
}

class AskTest : public ClusterFixture {
 protected:
  void rag_answers(const wire::Answer& answer) {
    set_answer("POST /v1/questions", wire::encode_question_id("q1"));
    set_answer("GET /v1/questions/q1", wire::encode(wire::QuestionNews{1, 0, "", answer}));
  }
  static wire::Answer known(const std::string& text) {
    wire::Answer answer;
    answer.known = true;
    answer.text = text;
    answer.citations.push_back({"rule", "ab12", 7, 1'700'000'000'000, "drop 10.0.0.5/32"});
    return answer;
  }
  void rag_proposes(wire::Proposal made) {
    wire::Answer answer = known("I can do that [1].");
    answer.proposal = std::move(made);
    rag_answers(answer);
    set_answer("POST /v1/questions/q1/approve", R"({"status":"ok","revision":8})");
    set_answer("POST /v1/rules", R"({"status":"ok","revision":9,"ids":["r1"]})");
  }
};

TEST_F(AskTest, ShowsTheAnswerAndWhatItStandsOnAndCarriesTheQuestionWhole) {
  start_cluster(1);
  wire::Answer answer = known("10.0.0.5 is blocked [1].");
  answer.remark = "as of just now";
  rag_answers(answer);
  const Outcome outcome = run({"ask", "why is", "10.0.0.5\nblocked?"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "10.0.0.5 is blocked [1].\n")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "(as of just now)")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "[1]  rule  ab12")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "2023-11-14")) << outcome.out;
  ASSERT_EQ(writes().size(), 1U);
  EXPECT_TRUE(contains(writes()[0], R"("text":"why is 10.0.0.5 blocked?")")) << writes()[0];
  EXPECT_EQ(run({"ask", "x", "-o", "raw"}).out, "10.0.0.5 is blocked [1].\n");
  const std::string json = run({"ask", "x", "-o", "json"}).out;
  EXPECT_TRUE(contains(json, R"("outcome": "answered")")) << json;
  EXPECT_TRUE(contains(json, R"("key": "ab12")")) << json;
}

// A rag that streams, is lost, and begins again: what is shown says so, and ends with the answer.
TEST_F(AskTest, ProseIsShownAsItComesAndAQuestionThatBeginsAgainSaysSo) {
  start_cluster(1);
  set_answer("POST /v1/questions", wire::encode_question_id("q1"));
  wire::Answer answer = known("It is blocked [1]. For good.");
  answer.prose = true;
  std::vector<wire::QuestionNews> news = {
      {1, 1, "It is blo", {}}, {2, 1, "It is blocked [1].", {}}, {2, 2, " For good.", answer}};
  std::size_t next = 0;
  servers_.clear();
  own_answers_.resize(1);
  add_server([&](const test::FakeRequest& request) {
    if (request.method != "GET" || !contains(request.target, "/v1/questions/q1")) {
      return this->answer(0, request);
    }
    test::FakeAnswer one;
    one.message.body = wire::encode(news.at(next++));
    return one;
  });
  introduce_all(endpoints()[0]);
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  streams.out_is_terminal = true;
  Environment environment;
  environment.variables["NO_COLOR"] = "1";
  EXPECT_EQ(
      cli::run({"ask", "x", "--endpoints", endpoints()[0], "--credentials", credential_path()},
               streams, environment),
      0)
      << err.str();
  EXPECT_TRUE(out.str().starts_with("It is blo\nIt is blocked [1]. For good.\n")) << out.str();
  EXPECT_TRUE(contains(err.str(), "begins again")) << err.str();
}

TEST_F(AskTest, NothingThatRagSaysSteersTheTerminal) {
  start_cluster(1);
  set_answer("POST /v1/questions", wire::encode_question_id("q1"));
  // C1 and bidirectional controls, as a hostile rag might send them in spite of the encoder.
  set_answer("GET /v1/questions/q1",
             R"({"attempt":1,"parts":0,"answer":{"known":true,"text":"a\u001b[2Jb"}})");
  const Outcome outcome = run({"ask", "x"});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
}

TEST_F(AskTest, WithYesWhatIsProposedIsRecordedFirstAndThenRunByTheCommandsOwnPath) {
  start_cluster(1);
  rag_proposes(proposal("rules.add", {{"cidr", "10.0.0.5"}, {"ttl", "1h"}}));
  const Outcome outcome = run({"ask", "block", "10.0.0.5", "--yes"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto written = writes();
  ASSERT_EQ(written.size(), 3U);
  EXPECT_TRUE(contains(written[1], "POST /v1/questions/q1/approve")) << written[1];
  EXPECT_TRUE(contains(written[1], "ml-guard rules add 10.0.0.5 --ttl 1h --reason 'asked: "))
      << written[1];
  EXPECT_FALSE(contains(written[1], "rm -rf")) << written[1];
  EXPECT_TRUE(contains(written[2], "POST /v1/rules")) << written[2];
  EXPECT_TRUE(contains(written[2], R"(asked: \"block 10.0.0.5\")")) << written[2];
  EXPECT_TRUE(contains(outcome.out, "+drop 10.0.0.5, for 1h")) << outcome.out;
  EXPECT_FALSE(contains(outcome.out, "rm -rf")) << outcome.out;
  EXPECT_TRUE(contains(outcome.err, "undo with  ml-guard rules rm 10.0.0.5")) << outcome.err;
}

TEST_F(AskTest, WithoutATerminalAndWithoutYesItOnlyProposes) {
  start_cluster(1);
  rag_proposes(proposal("rules.add", {{"cidr", "10.0.0.5"}}));
  for (const auto& arguments : {std::vector<std::string>{"ask", "block it"},
                                {"ask", "block it", "-o", "json"},
                                {"ask", "block it", "--no-act"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  for (const std::string& one : writes()) {
    EXPECT_TRUE(one.starts_with("POST /v1/questions ")) << one;
  }
}

TEST_F(AskTest, OnATerminalTheAnswerNoChangesNothingAndYesDoes) {
  start_cluster(1);
  rag_proposes(proposal("rules.add", {{"cidr", "10.0.0.5"}}));
  const Outcome no = run({"ask", "block it"}, "n\n", Input::terminal);
  EXPECT_EQ(no.exit_code, 0);
  EXPECT_TRUE(contains(no.err, "Run it? [y/N]")) << no.err;
  EXPECT_EQ(writes().size(), 1U);
  const Outcome yes = run({"ask", "block it"}, "y\n", Input::terminal);
  EXPECT_EQ(yes.exit_code, 0);
  EXPECT_EQ(writes().size(), 4U);
}

TEST_F(AskTest, WhatCannotBeRecordedIsNotRun) {
  start_cluster(1);
  rag_proposes(proposal("rules.add", {{"cidr", "10.0.0.5"}}));
  {
    const std::lock_guard lock(mutex_);
    answers_.erase("POST /v1/questions/q1/approve");
  }
  EXPECT_NE(run({"ask", "block it", "--yes"}).exit_code, 0);
  for (const std::string& one : writes()) EXPECT_FALSE(contains(one, "/v1/rules")) << one;
}

TEST_F(AskTest, YesRefusesWhatIsOutsideTheWhitelist) {
  start_cluster(1);
  for (const wire::Proposal& made :
       {proposal("component.remove", {{"component", "sniffer"}}), proposal("", {}),
        proposal("config.set", {{"component", "ml-detector"}}),
        proposal("rules.add", {{"cidr", "10.0.0.5"}, {"--yes", "x"}})}) {
    rag_proposes(made);
    const Outcome outcome = run({"ask", "do it", "--yes"});
    EXPECT_NE(outcome.exit_code, 0) << made.action << outcome.out;
  }
  for (const std::string& one : writes()) {
    EXPECT_TRUE(one.starts_with("POST /v1/questions ")) << one;
  }
}

TEST_F(AskTest, LinesOfAPipeAreQuestionsAndCarryTheSubject) {
  start_cluster(1);
  wire::Answer answer = known("Yes [1].");
  answer.subject.address = "10.0.0.5";
  rag_answers(answer);
  const Outcome outcome = run({"ask", "-o", "raw"}, "is 10.0.0.5 blocked?\n\nwhy?\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "Yes [1].\nYes [1].\n");
  ASSERT_EQ(writes().size(), 2U);
  EXPECT_FALSE(contains(writes()[0], "subject"));
  EXPECT_TRUE(contains(writes()[1], R"("subject":{"address":"10.0.0.5"})")) << writes()[1];
}

TEST_F(AskTest, ErrorsNameTheNextCommand) {
  start_cluster(1);
  const Outcome empty = run({"ask", "  "});
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_EQ(run({"ask", "x", "--yes", "--no-act"}).exit_code, 2);
  EXPECT_EQ(run({"ask", std::string(1'001, 'x')}).exit_code, 2);
  EXPECT_TRUE(writes().empty());
}

// What a hostile answer might try to have typed or run.
TEST(AskActionsTest, ArgumentsThatAreNotWhatTheyShouldBeAreRefused) {
  const std::vector<wire::Proposal> bad = {
      proposal("config.set", {{"component", "ml-detector; reboot"}, {"path", "a"}, {"value", "1"}}),
      proposal("config.set", {{"component", "--yes"}, {"path", "a"}, {"value", "1"}}),
      proposal("config.set", {{"component", "sniffer"}, {"path", "--comment"}, {"value", "1"}}),
      proposal("config.set", {{"component", "sniffer"}, {"path", "a..b"}, {"value", "1"}}),
      proposal("config.set", {{"component", "sniffer"}, {"path", "a"}, {"value", "--yes"}}),
      proposal("config.set", {{"component", "sniffer"}, {"path", "a"}, {"value", ""}}),
      proposal("config.rollback", {{"component", "sniffer"}, {"version", "0"}}),
      proposal("config.rollback", {{"component", "sniffer"}, {"version", "2x"}}),
      proposal("config.rollback", {{"component", "sniffer"}, {"version", "-2"}}),
      proposal("rules.add", {{"cidr", "10.0.0.5/33"}}),
      proposal("rules.add", {{"cidr", "example.com"}}),
      proposal("rules.add", {{"cidr", "10.0.0.5"}, {"ttl", "forever"}}),
      proposal("rules.add", {{"cidr", "10.0.0.5"}, {"action", "drop; true"}}),
      proposal("rules.add", {{"cidr", "10.0.0.5"}, {"cidr", "10.0.0.6"}}),
      proposal("rules.remove", {}),
      proposal("rules.remove", {{"id", "a"}, {"cidr", "10.0.0.5"}}),
      proposal("rules.remove", {{"id", "-a"}}),
      proposal("rules.remove", {{"id", "a b"}}),
      proposal("config.delete", {{"component", "sniffer"}}),
      proposal("token.create", {{"role", "operator"}}),
  };
  for (const wire::Proposal& one : bad) {
    const auto action = plan_action(one, "q");
    EXPECT_FALSE(action.ok()) << one.action << " " << (action.ok() ? action->command : "");
  }
}

TEST(AskActionsTest, TheCommandIsBuiltFromTheArgumentsAndQuoted) {
  const auto command = [](const wire::Proposal& one, const std::string& question) {
    const auto action = plan_action(one, question);
    return action.ok() ? action->command : action.error().message;
  };
  EXPECT_EQ(command(proposal("config.set", {{"component", "ml-detector"},
                                            {"path", "thresholds.block"},
                                            {"value", "0.9"}}),
                    "raise it to 0.9"),
            "ml-guard config set ml-detector thresholds.block 0.9 --comment "
            "'asked: \"raise it to 0.9\"'");
  EXPECT_EQ(command(proposal("config.set", {{"component", "global"},
                                            {"path", "site.name"},
                                            {"value", "it's $(reboot)"}}),
                    "it's"),
            "ml-guard config set global site.name 'it'\\''s $(reboot)' --comment "
            "'asked: \"it'\\''s\"'");
  EXPECT_EQ(command(proposal("rules.remove", {{"id", "ab12"}}), "q"), "ml-guard rules rm ab12");
  EXPECT_EQ(command(proposal("config.rollback", {{"component", "sniffer"}, {"version", "3"}}), "q"),
            "ml-guard config rollback sniffer 3 --comment 'asked: \"q\"'");
}

TEST(WrappedTextTest, PiecesAreWrappedAtWordsAndMadeHarmless) {
  WrappedText text(10);
  std::string out = text.feed("one two th");
  out += text.feed("ree four\n  five \x1b[2J\xC2\x9B");
  out += text.finish();
  EXPECT_EQ(out, "one two\nthree four\n  five\n\\x1b[2J??\n");
  WrappedText unbounded(kNoColumnLimit);
  const std::string line(500, 'x');
  out = unbounded.feed(line + " " + line + "\n");
  out += unbounded.finish();
  EXPECT_EQ(out, line + " " + line + "\n");
}

}  // namespace
}  // namespace mlguard::cli
