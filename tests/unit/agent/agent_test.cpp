// A whole Agent against a server of the tests' own: enrolment, work, the end.
#include "agent/agent.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/ids.h"
#include "fake_server.h"
#include "tests/support/wait_until.h"
#include "wire/api_error.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::test {
namespace {

constexpr const char* kTokenId = "0123456789abcdef";

class AgentTest : public testing::Test {
 protected:
  AgentTest()
      : folder_(std::filesystem::temp_directory_path() / ("mlguard-agent-" + base::random_hex(6))),
        cluster_(wire::ClusterKey::generate()),
        psk_(wire::KeyPair::generate().secret),
        server_(cluster_.server_keys(), [this](const FakeRequest& r) { return answer(r); }) {
    std::filesystem::create_directories(folder_);
    server_.trust_only_enrolled();
    server_.expect_token(kTokenId, psk_);
  }
  ~AgentTest() override { std::filesystem::remove_all(folder_); }

  agent::AgentOptions options() const {
    agent::AgentOptions options;
    options.name = "sniffer";
    options.version = "0.1.0";
    options.endpoints = {server_.endpoint()};
    options.credential_path = (folder_ / "sniffer.credential").string();
    options.join_token =
        wire::JoinToken{cluster_.server_keys().public_key, kTokenId, psk_}.to_text();
    options.default_config = R"({"built":"in"})";
    return options;
  }

  FakeAnswer answer(const FakeRequest& request) const {
    FakeAnswer answer;
    if (request.method == "GET") {
      answer.status = 404;
      answer.message.body = wire::encode_error({base::ErrorCode::not_found, "no_config", "none"});
    } else if (request.target == "/heartbeat") {
      wire::HeartbeatReply reply;
      reply.interval_ms = 50;
      answer.message.body = wire::encode(reply);
    } else {
      answer.message.body = wire::encode(wire::WriteReply{1, 1, {}});
    }
    return answer;
  }

  std::size_t count(const std::string& target) const {
    std::size_t found = 0;
    for (const FakeRequest& request : server_.handled())
      found += request.target == target ? 1U : 0U;
    return found;
  }

  bool wait_for(const std::string& target, std::size_t times) const {
    return support::wait_until([&] { return count(target) >= times; });
  }

  std::filesystem::path folder_;
  wire::ClusterKey cluster_;
  wire::Key psk_;
  FakeServer server_;
};

TEST_F(AgentTest, ItEnrolsRegistersUploadsBeatsAndUnregisters) {
  auto agent = agent::Agent::start(options(), {});
  ASSERT_TRUE(agent.ok()) << agent.error().message;
  std::thread stopper([&] {
    EXPECT_TRUE(wait_for("/heartbeat", 3));
    (*agent)->stop();
  });
  EXPECT_EQ((*agent)->run(), 0);
  stopper.join();
  EXPECT_EQ(count("/v1/enrol"), 1U);
  EXPECT_EQ(count("/register"), 1U);
  EXPECT_EQ(count("/unregister"), 1U);
  for (const FakeRequest& request : server_.handled()) {
    if (request.method != "PUT") continue;
    EXPECT_EQ(request.message.body, R"({"built":"in"})");
  }
}

TEST_F(AgentTest, TheSecondStartUsesTheCredentialOfTheFirst) {
  for (int start = 0; start < 2; ++start) {
    auto agent = agent::Agent::start(options(), {});
    ASSERT_TRUE(agent.ok()) << agent.error().message;
    EXPECT_TRUE(wait_for("/register", static_cast<std::size_t>(start) + 1));
    (*agent)->stop();
    EXPECT_EQ((*agent)->run(), 0);
  }
  EXPECT_EQ(count("/v1/enrol"), 1U);
}

TEST_F(AgentTest, WithoutCredentialAndTokenItSaysHowToGetOne) {
  auto without = options();
  without.join_token.clear();
  const auto agent = agent::Agent::start(without, {});
  ASSERT_FALSE(agent.ok());
  EXPECT_EQ(agent.error().reason, "no_credential");
  EXPECT_NE(agent.error().message.find("ml-guard token create --role sniffer"), std::string::npos);
  EXPECT_EQ(agent::exit_code_of(agent.error()), 4);
}

TEST_F(AgentTest, AConfigFileThatTheComponentRefusesEndsTheStart) {
  auto with_file = options();
  with_file.config_path = (folder_ / "own.json").string();
  std::ofstream(with_file.config_path) << R"({"tpyo":1})";
  agent::AgentCallbacks callbacks;
  callbacks.check_config = [](std::string_view) -> base::Status {
    return base::Error{base::ErrorCode::invalid_argument, "unknown_key", "there is no key 'tpyo'"};
  };
  const auto agent = agent::Agent::start(with_file, callbacks);
  ASSERT_FALSE(agent.ok());
  EXPECT_NE(agent.error().message.find("own.json: there is no key 'tpyo'"), std::string::npos);
  EXPECT_EQ(server_.connections(), 0);
}

TEST_F(AgentTest, SigtermEndsItPromptlyEvenWhileNoServerAnswers) {
  {
    auto first = agent::Agent::start(options(), {});
    ASSERT_TRUE(first.ok());
  }
  auto nowhere = options();
  nowhere.endpoints = {"127.0.0.1:1"};
  auto agent = agent::Agent::start(nowhere, {});
  ASSERT_TRUE(agent.ok()) << agent.error().message;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ((*agent)->run(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

}  // namespace
}  // namespace mlguard::test
