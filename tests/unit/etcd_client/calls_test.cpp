// One call through all that can go wrong: failover, retries, handshakes, deadlines.
#include <atomic>
#include <thread>

#include "client_fixture.h"

namespace mlguard::test {
namespace {

using base::ErrorCode;

class CallsTest : public ClientFixture {};

TEST_F(CallsTest, AWriteIsAnsweredAndCarriesARequestId) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  etcd_client::PutOptions put_options;
  put_options.comment = "first";
  const auto put = client->put_config("sniffer", R"({"a":1})", put_options);
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(put->version, 1U);
  const auto handled = server.handled();
  ASSERT_EQ(handled.size(), 1U);
  EXPECT_EQ(handled[0].method, "PUT");
  EXPECT_EQ(handled[0].target, "/v1/config/sniffer");
  EXPECT_EQ(handled[0].message.body, R"({"a":1})");
  EXPECT_EQ(field_of(handled[0].message, wire::kFieldComment), "first");
  EXPECT_EQ(field_of(handled[0].message, wire::kFieldRequestId).size(), 32U);
  EXPECT_EQ(client->endpoint(), server.endpoint());
}

TEST_F(CallsTest, CallsInARowShareOneHandshakeAndOneConnection) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->heartbeat(beat()).ok());
  EXPECT_EQ(server.handshakes(), 1);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CallsTest, ConcurrentCallersShareOneHandshakeAndHaveAConnectionEach) {
  constexpr int kCallers = 8;
  // Nobody is answered before all have asked.
  std::atomic<int> asked = 0;
  FakeServer& server = add_server([&](const FakeRequest&) {
    ++asked;
    while (asked < kCallers && servers_.front()->hold(5)) {
    }
    FakeAnswer answer;
    answer.message.body = wire::encode(wire::HeartbeatReply{});
    return answer;
  });
  server.slow_handshakes(50);
  const auto client = open(milliseconds(20'000));
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&] { good += client->heartbeat(beat()).ok() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, kCallers);
  EXPECT_EQ(server.handshakes(), 1);
  EXPECT_EQ(server.connections(), kCallers);
}

TEST_F(CallsTest, AConnectionThatEndsIsRetriedWithTheSameRequestId) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::drop_before, Fault::drop_after});
  const auto client = open();
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  const auto handled = server.handled();
  ASSERT_EQ(handled.size(), 2U) << "once without an answer, once with";
  EXPECT_EQ(field_of(handled[0].message, wire::kFieldRequestId),
            field_of(handled[1].message, wire::kFieldRequestId));
}

TEST_F(CallsTest, TwoWritesHaveTwoRequestIds) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  const auto handled = server.handled();
  ASSERT_EQ(handled.size(), 2U);
  EXPECT_NE(field_of(handled[0].message, wire::kFieldRequestId),
            field_of(handled[1].message, wire::kFieldRequestId));
}

TEST_F(CallsTest, ADeadEndpointIsPassedOverAndTheLivingOneRemembered) {
  FakeServer& living = add_plain_server();
  auto with_dead = options();
  with_dead.endpoints = {dead_endpoint(), living.endpoint()};
  const auto client = open(with_dead);
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  EXPECT_EQ(client->endpoint(), living.endpoint());
  EXPECT_LT(elapsed_ms([&] { (void)client->put_config("sniffer", "{}"); }), 3'000);
}

TEST_F(CallsTest, AnEndpointThatHangsLeavesTimeForTheOthers) {
  FakeServer& hanging = add_plain_server();
  add_plain_server();
  hanging.inject({Fault::never_answer});
  const auto client = open(milliseconds(6'000));
  EXPECT_LT(elapsed_ms([&] { ASSERT_TRUE(client->put_config("sniffer", "{}").ok()); }), 5'500);
  EXPECT_EQ(client->endpoint(), servers_[1]->endpoint());
}

TEST_F(CallsTest, AServerThatComesBackOnTheSamePortIsFoundAgain) {
  FakeServer& first = add_plain_server();
  const auto client = open();
  ASSERT_TRUE(client->heartbeat(beat()).ok());
  const int port = first.port();
  servers_.clear();
  FakeAnswer answer;
  answer.message.body = wire::encode(wire::HeartbeatReply{});
  FakeServer second(
      cluster_.server_keys(), [&](const FakeRequest&) { return answer; }, port);
  ASSERT_TRUE(client->heartbeat(beat()).ok());
  EXPECT_EQ(second.handshakes(), 1);
}

TEST_F(CallsTest, WithoutAnyEndpointACallEndsAtItsDeadlineAsUnavailable) {
  auto nowhere = options(milliseconds(300));
  nowhere.endpoints = {dead_endpoint(), dead_endpoint()};
  const auto client = open(nowhere);
  base::Result<etcd_client::PutResult> put = base::Error{};
  const auto took = elapsed_ms([&] { put = client->put_config("sniffer", "{}"); });
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::unavailable);
  EXPECT_EQ(put.error().reason, "no_endpoint");
  EXPECT_NE(put.error().message.find(nowhere.endpoints[0]), std::string::npos);
  EXPECT_LT(took, 5'000);
}

TEST_F(CallsTest, AWriteWithoutAnAnswerAtItsDeadlineHasAnUnknownOutcome) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::never_answer});
  const auto client = open(milliseconds(1'500));  // Enough for a handshake on any machine.
  base::Result<etcd_client::PutResult> put = base::Error{};
  const auto took = elapsed_ms([&] { put = client->put_config("sniffer", "{}"); });
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::timeout);
  EXPECT_EQ(put.error().reason, "outcome_unknown");
  EXPECT_GE(took, 1'400);
  EXPECT_LT(took, 6'000);
}

TEST_F(CallsTest, AReadWithoutAnAnswerAtItsDeadlineIsUnavailable) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::never_answer});
  const auto client = open(milliseconds(300));
  const auto got = client->get_config("sniffer");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::unavailable);
}

TEST_F(CallsTest, AnUnavailableServerIsAskedAgain) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::unavailable, Fault::unavailable});
  EXPECT_TRUE(open()->put_config("sniffer", "{}").ok());
}

TEST_F(CallsTest, AServerThatStaysUnavailableIsQuotedAtTheDeadline) {
  FakeServer& server = add_plain_server();
  server.inject(std::vector<Fault>(5'000, Fault::unavailable));
  std::optional<base::Error> quoted;
  for (int i = 0; i < 20 && !quoted; ++i) {
    const auto put = open(milliseconds(200))->put_config("sniffer", "{}");
    ASSERT_FALSE(put.ok());
    // Where the deadline cuts an attempt off, nobody can know.
    if (put.error().reason != "outcome_unknown") quoted = put.error();
  }
  ASSERT_TRUE(quoted.has_value());
  EXPECT_EQ(quoted->code, ErrorCode::unavailable);
  EXPECT_EQ(quoted->reason, "no_leader");
}

TEST_F(CallsTest, ThatNoRagIsThereIsAnAnswerAndNotAskedAgain) {
  FakeServer& server = add_server([](const FakeRequest&) {
    return error_answer({base::ErrorCode::unavailable, "no_rag", "no rag component answers"});
  });
  const auto response = open()->call({"POST", "/v1/questions", "{}", {}});
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(server.handled().size(), 1U);
}

TEST_F(CallsTest, AnUnknownOutcomeFromTheServerIsRetriedWithTheSameRequestId) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::outcome_unknown});
  ASSERT_TRUE(open()->put_config("sniffer", "{}").ok());
  const auto handled = server.handled();
  ASSERT_EQ(handled.size(), 2U);
  EXPECT_EQ(field_of(handled[0].message, wire::kFieldRequestId),
            field_of(handled[1].message, wire::kFieldRequestId));
}

TEST_F(CallsTest, ALostSessionIsMadeAgainOnceWithinTheCall) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  server.forget_sessions();
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  EXPECT_EQ(server.handshakes(), 2);
}

TEST_F(CallsTest, AServerThatForgetsEverySessionIsNotAskedForever) {
  FakeServer& server = add_plain_server();
  server.inject(std::vector<Fault>(100, Fault::no_session));
  const auto put = open()->put_config("sniffer", "{}");
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().reason, "no_session");
  EXPECT_EQ(server.handshakes(), 2);
}

TEST_F(CallsTest, AFrameThatCameTooLateForTheReplayWindowIsSealedAnew) {
  FakeServer& server = add_plain_server();
  server.inject({Fault::replayed});
  ASSERT_TRUE(open()->put_config("sniffer", "{}").ok());
  EXPECT_EQ(server.handshakes(), 1) << "the session is still good";
}

TEST_F(CallsTest, GarbageDamageAndUnsealedAnswersAreNeverBelieved) {
  for (const Fault fault : {Fault::garbage, Fault::damaged_seal, Fault::plain_ok}) {
    servers_.clear();
    FakeServer& server = add_plain_server();
    server.inject({fault});
    EXPECT_TRUE(open()->put_config("sniffer", "{}").ok()) << "by a second try";
    server.inject(std::vector<Fault>(5'000, fault));
    const auto put = open(milliseconds(1'000))->put_config("sniffer", "{}");
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, ErrorCode::timeout);
  }
}

TEST_F(CallsTest, ARefusedCredentialEndsTheCallAtOnce) {
  FakeServer& server = add_plain_server();
  server.refuse_handshakes(401, "not_enrolled");
  const auto client = open();
  const auto took = elapsed_ms([&] {
    const auto put = client->put_config("sniffer", "{}");
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, ErrorCode::unauthenticated);
    EXPECT_EQ(put.error().reason, "not_enrolled");
  });
  EXPECT_LT(took, 4'000) << "not at its deadline";
  EXPECT_EQ(server.handshakes(), 1);
}

TEST_F(CallsTest, AnEndpointThatDoesNotKnowTheCredentialYetIsPassedOver) {
  FakeServer& lagging = add_plain_server();
  lagging.refuse_handshakes(401, "not_enrolled");
  add_plain_server();
  EXPECT_TRUE(open()->put_config("sniffer", "{}").ok());
}

TEST_F(CallsTest, AServerOfAnotherClusterIsRefused) {
  servers_.push_back(std::make_unique<FakeServer>(wire::ClusterKey::generate().server_keys(),
                                                  [](const FakeRequest&) { return FakeAnswer{}; }));
  const auto put = open()->put_config("sniffer", "{}");
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::unauthenticated);
}

TEST_F(CallsTest, EveryErrorOfTheServerKeepsItsCodeReasonAndMessage) {
  base::Error next;
  add_server([&](const FakeRequest&) { return error_answer(next); });
  const auto client = open();
  for (const auto& [code, reason] : std::vector<std::pair<ErrorCode, std::string>>{
           {ErrorCode::invalid_argument, "invalid_json"},
           {ErrorCode::not_found, "no_config"},
           {ErrorCode::conflict, "name_taken"},
           {ErrorCode::precondition_failed, "version_mismatch"},
           {ErrorCode::too_large, "document_too_large"},
           {ErrorCode::permission_denied, "role"},
           {ErrorCode::resource_exhausted, "disk_full"},
           {ErrorCode::internal, "internal"}}) {
    next = {code, reason, "message of " + reason};
    const auto put = client->put_config("sniffer", "{}");
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, code);
    EXPECT_EQ(put.error().reason, reason);
    EXPECT_EQ(put.error().message, "message of " + reason);
  }
}

TEST_F(CallsTest, CancelEndsACallThatWaitsAndAllLaterOnes) {
  FakeServer& server = add_plain_server();
  const auto client = open(milliseconds(20'000));
  ASSERT_TRUE(client->put_config("sniffer", "{}").ok());
  server.inject({Fault::never_answer});
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(50));
    client->cancel();
  });
  const auto took = elapsed_ms([&] {
    EXPECT_EQ(client->put_config("sniffer", "{}").error().reason, "cancelled");
    EXPECT_EQ(client->put_config("sniffer", "{}").error().reason, "cancelled");
  });
  canceller.join();
  EXPECT_LT(took, 10'000) << "not at its deadline";
}

}  // namespace
}  // namespace mlguard::test
