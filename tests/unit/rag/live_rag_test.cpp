// The live rag behind its seams: a control plane that hands out questions and takes answers, and an
// index that may be out of reach.
#include "rag/live_rag.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <mutex>

#include "support/chat_server.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "wire/question_relay.h"

namespace mlguard::rag {
namespace {

using support::wait_until;

class FixedAnswerer final : public Answerer {
 public:
  base::Result<wire::Answer> answer(const wire::Question& question,
                                    const AnswerOptions& /*options*/) const override {
    if (question.text == "fail") return base::Error{base::ErrorCode::io, "io", "the disk is full"};
    wire::Answer answer;
    answer.known = question.text != "unknown";
    answer.text = "It is 0.8 [1].";
    answer.citations.push_back({"config", "ml-detector@7 x", 7, 0, "x: 0.8"});
    if (question.text == "bad") {
      answer.proposal = wire::Proposal{"config.set", {{"value", "a\nb"}}, "", "", 0};
    }
    return answer;
  }
};

// Hands out what it is given, and keeps what comes back.
class ControlPlane {
 public:
  base::Result<etcd_client::RawResponse> answer(const etcd_client::RawRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.method == "GET") {
      if (questions_.empty()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return etcd_client::RawResponse{200, "{}", {}};
      }
      wire::QuestionTask task{1, wire::Question{}};
      task.question->id = "q" + std::to_string(++asked_);
      task.question->text = questions_.front();
      questions_.pop_front();
      return etcd_client::RawResponse{200, wire::encode(task), {}};
    }
    const auto part = wire::decode_answer_part(request.body);
    if (!part.ok()) return etcd_client::RawResponse{400, "{}", {}};
    if (part->answer) {
      answers_.push_back(*part->answer);
    } else if (part->part != 0) {
      prose_ += part->text;
    } else {
      ++signs_;
    }
    return etcd_client::RawResponse{200, R"({"status":"ok"})", {}};
  }
  void ask(const std::string& text) {
    const std::lock_guard lock(mutex_);
    questions_.push_back(text);
  }
  std::vector<wire::Answer> answers() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  std::string prose() {
    const std::lock_guard lock(mutex_);
    return prose_;
  }
  int signs() {
    const std::lock_guard lock(mutex_);
    return signs_;
  }

 private:
  std::mutex mutex_;
  std::deque<std::string> questions_;
  std::vector<wire::Answer> answers_;
  std::string prose_;
  int asked_ = 0;
  int signs_ = 0;
};

class LiveRagTest : public ::testing::Test {
 protected:
  LiveRagTest() : live_(LiveRag::create(clock_)) { std::signal(SIGPIPE, SIG_IGN); }
  ~LiveRagTest() override { live_->stop(); }

  void start() {
    RagParts parts;
    parts.index = std::move(*Index::open(":memory:"));
    parts.answerer = std::make_unique<FixedAnswerer>();
    parts.sync = [this](const RagConfig& /*config*/) -> base::Status {
      ++syncs_;
      if (!reachable_) return base::Error{base::ErrorCode::unavailable, "no_leader", "no leader"};
      return {};
    };
    parts.send = [this](const etcd_client::RawRequest& request) { return plane_.answer(request); };
    live_->start(std::move(parts));
  }
  wire::Answer answer_to(const std::string& text) {
    const std::size_t before = plane_.answers().size();
    plane_.ask(text);
    EXPECT_TRUE(wait_until([&] { return plane_.answers().size() > before; }));
    const auto answers = plane_.answers();
    return answers.size() > before ? answers.back() : wire::Answer{};
  }
  static RagConfig generative(const std::string& endpoint) {
    RagConfig config;
    config.mode = AnswerMode::generative;
    config.endpoint = endpoint;
    return config;
  }

  base::SystemClock clock_;
  ControlPlane plane_;
  std::atomic<bool> reachable_ = true;
  std::atomic<int> syncs_ = 0;
  std::unique_ptr<LiveRag> live_;
};

TEST_F(LiveRagTest, AnswersFromAnIndexThatWasBroughtUpToDateAfterTheQuestionCame) {
  start();
  const int before = syncs_;
  EXPECT_EQ(answer_to("what is it?").text, "It is 0.8 [1].");
  EXPECT_GT(syncs_, before);
  EXPECT_FALSE(answer_to("unknown").known);
  ASSERT_TRUE(
      wait_until([&] { return live_->detail().find("\"questions\":2") != std::string::npos; }));
  EXPECT_NE(live_->detail().find("\"unknown\":1"), std::string::npos) << live_->detail();
  EXPECT_NE(live_->detail().find("last_sync_age_ms"), std::string::npos);
  EXPECT_TRUE(live_->health().ok());
}

TEST_F(LiveRagTest, WhatCannotBeAnsweredIsToldAndTheNextQuestionIsAnswered) {
  start();
  const wire::Answer failed = answer_to("fail");
  EXPECT_FALSE(failed.known);
  EXPECT_NE(failed.remark.find("the disk is full"), std::string::npos);
  const wire::Answer bad = answer_to("bad");
  EXPECT_FALSE(bad.proposal.has_value());
  EXPECT_EQ(bad.intent, "failed");
  EXPECT_TRUE(answer_to("what is it?").known);
}

TEST_F(LiveRagTest, WithoutALeaderItAnswersFromWhatItHasAndSaysSo) {
  reachable_ = false;
  start();
  const wire::Answer answer = answer_to("what is it?");
  EXPECT_TRUE(answer.known);
  EXPECT_NE(answer.remark.find("not up to date: no leader"), std::string::npos) << answer.remark;
  ASSERT_FALSE(live_->health().ok());
  EXPECT_EQ(live_->health().error().reason, "no_leader");
  reachable_ = true;
  EXPECT_TRUE(wait_until([&] { return live_->health().ok(); }));
}

TEST_F(LiveRagTest, AModelWritesAndGivesSignsOfLifeWhileItThinks) {
  support::ChatServer server([](support::ChatServer::Connection& client) {
    client.sleep_ms(2'500);
    client.begin();
    client.text("The value is 0.8 [1].");
    client.done();
  });
  const support::TempDir folder;
  RagConfig config = generative(server.url());
  config.api_key_file = folder.path() + "/absent";
  live_->apply(config);
  start();
  EXPECT_NE(answer_to("what is it?").remark.find("api_key_file"), std::string::npos);
  EXPECT_FALSE(live_->health().ok());
  config.api_key_file.clear();
  live_->apply(config);
  const wire::Answer answer = answer_to("what is it?");
  EXPECT_TRUE(answer.prose) << answer.remark;
  EXPECT_EQ(answer.text, "The value is 0.8 [1].");
  EXPECT_EQ(plane_.prose(), answer.text);
  EXPECT_GE(plane_.signs(), 1);
  EXPECT_TRUE(live_->health().ok());
}

TEST_F(LiveRagTest, AFailingEndpointIsAProblemUntilItAnswersAgain) {
  support::ChatServer server([](support::ChatServer::Connection& client) {
    client.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  });
  live_->apply(generative(server.url()));
  start();
  const wire::Answer answer = answer_to("what is it?");
  EXPECT_FALSE(answer.prose);
  EXPECT_EQ(answer.text, "It is 0.8 [1].");
  ASSERT_FALSE(live_->health().ok());
  EXPECT_EQ(live_->health().error().reason, "endpoint_failed");
  EXPECT_NE(live_->detail().find("\"endpoint_failures\":1"), std::string::npos);
}

TEST_F(LiveRagTest, StopsInTheMiddleOfAnAnswer) {
  support::ChatServer server([](support::ChatServer::Connection& client) {
    client.begin();
    client.wait_until_gone();
  });
  live_->apply(generative(server.url()));
  start();
  plane_.ask("what is it?");
  ASSERT_TRUE(wait_until([&] { return !server.requests().empty(); }));
  live_->stop();
}

TEST(RagConfigTest, AGenerativeModeNeedsAnEndpointAndKeysStandInFilesOnly) {
  EXPECT_TRUE(parse_rag_config("{}").ok());
  EXPECT_FALSE(parse_rag_config(R"({"answer":{"mode":"generative"}})").ok());
  const auto config = parse_rag_config(
      R"({"answer":{"mode":"generative","endpoint":"http://localhost:1","api_key_file":"/k"}})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->mode, AnswerMode::generative);
  EXPECT_EQ(config->api_key_file, "/k");
  EXPECT_EQ(parse_rag_config(R"({"answer":{"api_key":"secret"}})").error().reason, "unknown_key");
}

}  // namespace
}  // namespace mlguard::rag
