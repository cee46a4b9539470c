// Reads the worked example of docs/wire-format.md and checks every byte of it against the code, so
// that the page cannot drift.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "base/ids.h"
#include "wire/channel.h"
#include "wire/envelope.h"
#include "wire/noise.h"
#include "wire/primitives.h"
#include "wire/session_keys.h"

namespace mlguard::wire {
namespace {

// "name = hex" or "name = "text""; a line that begins with a space continues the hex.
class Example {
 public:
  static Example read() {
    Example example;
    std::ifstream page(std::string(MLGUARD_SOURCE_DIR) + "/docs/wire-format.md");
    std::string line;
    while (std::getline(page, line) && line != "```example") continue;
    std::string name;
    while (std::getline(page, line) && line != "```") {
      const std::size_t equals = line.find(" = ");
      if (line.starts_with(" ")) {
        example.values_[name] += line.substr(line.find_first_not_of(' '));
      } else if (equals != std::string::npos) {
        name = line.substr(0, equals);
        example.values_[name] = line.substr(equals + 3);
      }
    }
    return example;
  }

  std::string operator()(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      ADD_FAILURE() << "the example has no " << name;
      return {};
    }
    const std::string& value = found->second;
    if (value.starts_with('"')) return unescaped(value.substr(1, value.size() - 2));
    const auto bytes = base::from_hex(value);
    EXPECT_TRUE(bytes.ok()) << name;
    return bytes.ok() ? *bytes : std::string();
  }
  Key key(const std::string& name) const {
    const auto key = Key::from_bytes((*this)(name));
    EXPECT_TRUE(key.ok()) << name;
    return key.ok() ? *key : Key();
  }
  std::size_t size() const { return values_.size(); }

 private:
  static std::string unescaped(std::string text) {
    for (std::size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n")) {
      text.replace(at, 2, "\n");
    }
    return text;
  }
  std::map<std::string, std::string> values_;
};

void expect_bytes(const Example& example, const std::string& name, std::string_view bytes) {
  EXPECT_EQ(base::to_hex(example(name)), base::to_hex(bytes)) << name;
}

SessionKeys session_of(const Example& example) {
  return {example.key("client_to_server_key"), example.key("server_to_client_key"),
          base::to_hex(example("session_id"))};
}

HandshakeSetup setup_of(const Example& example, NoiseSide side) {
  const bool client = side == NoiseSide::initiator;
  HandshakeSetup setup;
  setup.side = side;
  setup.own_static = KeyPair::from_secret(example.key(client ? "client_secret" : "cluster_secret"));
  setup.ephemeral = KeyPair::from_secret(
      example.key(client ? "client_ephemeral_secret" : "server_ephemeral_secret"));
  if (client) setup.remote_static = example.key("cluster_public_key");
  setup.psk = example.key("psk");
  return setup;
}

TEST(WireFormatTest, TheHandshakeOfTheExampleIsWhatTheCodeDoes) {
  const Example example = Example::read();
  ASSERT_GT(example.size(), 20u) << "docs/wire-format.md has no example";
  const std::string prologue = example("prologue");
  HandshakeSetup client_setup = setup_of(example, NoiseSide::initiator);
  HandshakeSetup server_setup = setup_of(example, NoiseSide::responder);
  client_setup.prologue = prologue;
  server_setup.prologue = prologue;
  expect_bytes(example, "cluster_public_key", server_setup.own_static->public_key.view());
  HandshakeState client(client_setup);
  HandshakeState server(server_setup);
  const auto message1 = client.write_message(example("hello"));
  expect_bytes(example, "message1", *message1);
  ASSERT_TRUE(server.read_message(*message1).ok());
  const auto message2 = server.write_message(example("session_id") + example("welcome"));
  expect_bytes(example, "message2", *message2);
  ASSERT_TRUE(client.read_message(*message2).ok());
  expect_bytes(example, "client_to_server_key", client.split().initiator_to_responder.view());
  expect_bytes(example, "server_to_client_key", client.split().responder_to_initiator.view());
  // The front door reads the very same message 1.
  const auto read = ServerHandshake::read(*server_setup.own_static, example("message1"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->payload(), example("hello"));
  EXPECT_TRUE(read->client_public_key() == client_setup.own_static->public_key);
}

// Opens a frame by the page's own words: nonce, associated data, cipher.
std::string open_by_hand(const Key& key, std::uint64_t counter, const std::string& associated,
                         const std::string& sealed) {
  const Nonce nonce = nonce_of(counter);
  std::string plain(sealed.size() - kTagBytes, '\0');
  EXPECT_TRUE(
      aead_open(key, as_text(nonce.data(), nonce.size()), associated, sealed, as_bytes(plain)));
  return plain;
}

TEST(WireFormatTest, TheRequestWithoutBodyOfTheExampleIsWhatTheCodeDoes) {
  const Example example = Example::read();
  ClientChannel client(session_of(example));
  ServerChannel server(session_of(example));
  const Message question{{{"request-id", "0123abcd"}}, {}};
  const auto request = client.seal("GET", "/v1/config/sniffer?x=1", question);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->sealed.seal, example("request0_x_seal"));
  const std::string frame = *from_base64url(example("request0_x_seal"));
  EXPECT_EQ(frame.substr(0, kCounterBytes), std::string(kCounterBytes, '\0'));
  expect_bytes(example, "request0_plaintext",
               open_by_hand(example.key("client_to_server_key"), 0, example("request0_associated"),
                            frame.substr(kCounterBytes)));
  const auto opened = server.open("GET", "/v1/config/sniffer?x=1", request->sealed, 1000);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(*opened->message.field("request-id"), "0123abcd");

  const auto answer = server.seal(opened->counter, 200, {{{"version", "3"}}, R"({"port": 1})"});
  ASSERT_TRUE(answer.ok());
  expect_bytes(example, "answer0_body", answer->body);
  expect_bytes(example, "answer0_plaintext",
               open_by_hand(example.key("server_to_client_key"), 0, example("answer0_associated"),
                            example("answer0_body")));
  EXPECT_TRUE(client.open(request->counter, 200, *answer).ok());
}

// LZ4 may choose other matches in another version: this frame is checked by reading it.
TEST(WireFormatTest, TheCompressedRequestOfTheExampleIsReadByTheCode) {
  const Example example = Example::read();
  ServerChannel server(session_of(example));
  const std::string frame = example("request1_body");
  const std::string plain =
      open_by_hand(example.key("client_to_server_key"), 1, example("request1_associated"),
                   frame.substr(kCounterBytes));
  expect_bytes(example, "request1_plaintext", plain);
  const std::size_t original_size = std::stoul(example("request1_x_original_size"));
  const Sealed sealed{base::to_hex(example("session_id")), {}, frame, original_size};
  const auto opened = server.open("PUT", "/v1/config/sniffer", sealed, 1000);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->counter, 1u);
  EXPECT_EQ(opened->message.body, "[\"" + std::string(original_size - 4, 'a') + "\"]");
}

TEST(WireFormatTest, TheLimitsOnThePageAreThoseOfTheCode) {
  EXPECT_EQ(kHandshakeBytesMax, 4096u);
  EXPECT_EQ(kPlainBodyBytesMax, 16u * 1024 * 1024);
  EXPECT_EQ(kFrameOverheadBytesMax, 8218u);
  EXPECT_EQ(kFieldBlockBytesMax, 8192u);
  EXPECT_EQ(kFieldsMax, 64u);
  EXPECT_EQ(kTargetBytesMax, 8192u);
}

}  // namespace
}  // namespace mlguard::wire
