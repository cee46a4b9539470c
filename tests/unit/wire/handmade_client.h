// A client built from the primitives alone, as docs/wire-format.md tells it: it checks that page
// against the channel, and it can lie inside authentic frames as no ClientChannel would.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"
#include "wire/channel.h"
#include "wire/noise.h"
#include "wire/primitives.h"

namespace mlguard::wire::testing {

class HandmadeClient {
 public:
  static std::pair<HandmadeClient, ServerChannel> connect() {
    const KeyPair cluster = KeyPair::generate();
    HandshakeSetup setup;
    setup.prologue = "mlguard-wire-1";
    setup.own_static = KeyPair::generate();
    setup.remote_static = cluster.public_key;
    setup.psk = Key();
    HandshakeState noise(setup);
    auto server = ServerHandshake::read(cluster, *noise.write_message("hello"));
    auto welcomed = server->finish(Key(), "welcome");
    const std::string payload = *noise.read_message(welcomed->message2);
    HandmadeClient client;
    client.key_ = noise.split().initiator_to_responder;
    client.session_ = base::to_hex(payload.substr(0, kSessionIdBytes));
    EXPECT_EQ(payload.substr(kSessionIdBytes), "welcome");
    return {std::move(client), std::move(welcomed->channel)};
  }

  // Seals any plaintext whatsoever, with any X-Original-Size, for the request line given.
  Sealed seal(const std::string& plain, std::optional<std::size_t> original_size,
              const std::string& method = "POST", const std::string& target = "/x") {
    const Nonce nonce = nonce_of(counter_++);
    const std::string associated = "mlguard-request-1\n" + method + "\n" + target + "\n" +
                                   session_ + "\n" +
                                   (original_size ? std::to_string(*original_size) : "") + "\n";
    std::string frame(kCounterBytes + plain.size() + kTagBytes, '\0');
    frame.replace(0, kCounterBytes, as_text(nonce.data() + 4, kCounterBytes));
    EXPECT_TRUE(aead_seal(key_, as_text(nonce.data(), nonce.size()), associated, plain,
                          as_bytes(frame) + kCounterBytes));
    return {session_, {}, frame, original_size};
  }

  void set_counter(std::uint64_t counter) { counter_ = counter; }

 private:
  Key key_;
  std::string session_;
  std::uint64_t counter_ = 0;
};

}  // namespace mlguard::wire::testing
