// A client built from the primitives alone, as docs/wire-format.md tells it: it checks that page
// against the channel, and it can lie inside authentic frames as no ClientChannel would. For unit
// tests and fuzz targets; belongs to one thread.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"
#include "wire/channel.h"
#include "wire/noise.h"
#include "wire/primitives.h"

namespace mlguard::support {

// Ends the process: what follows would mean nothing.
inline void must(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "this must hold and does not: %s\n", what);
  std::abort();
}

class HandmadeClient {
 public:
  static std::pair<HandmadeClient, wire::ServerChannel> connect() {
    const wire::KeyPair cluster = wire::KeyPair::generate();
    wire::HandshakeSetup setup;
    setup.prologue = "mlguard-wire-1";
    setup.own_static = wire::KeyPair::generate();
    setup.remote_static = cluster.public_key;
    setup.psk = wire::Key();
    wire::HandshakeState noise(setup);
    auto server = wire::ServerHandshake::read(cluster, *noise.write_message("hello"));
    must(server.ok(), "the server reads message 1");
    auto welcomed = server->finish(wire::Key(), "welcome");
    must(welcomed.ok(), "the server writes message 2");
    const auto payload = noise.read_message(welcomed->message2);
    must(payload.ok() && payload->substr(wire::kSessionIdBytes) == "welcome",
         "message 2 carries the session id and the payload");
    HandmadeClient client;
    client.key_ = noise.split().initiator_to_responder;
    client.session_ = base::to_hex(payload->substr(0, wire::kSessionIdBytes));
    return {std::move(client), std::move(welcomed->channel)};
  }

  // Seals any plaintext whatsoever, with any X-Original-Size, for the request line given.
  wire::Sealed seal(const std::string& plain, std::optional<std::size_t> original_size,
                    const std::string& method = "POST", const std::string& target = "/x") {
    const wire::Nonce nonce = wire::nonce_of(counter_++);
    const std::string associated = "mlguard-request-1\n" + method + "\n" + target + "\n" +
                                   session_ + "\n" +
                                   (original_size ? std::to_string(*original_size) : "") + "\n";
    std::string frame(wire::kCounterBytes + plain.size() + wire::kTagBytes, '\0');
    frame.replace(0, wire::kCounterBytes, wire::as_text(nonce.data() + 4, wire::kCounterBytes));
    must(wire::aead_seal(key_, wire::as_text(nonce.data(), nonce.size()), associated, plain,
                         wire::as_bytes(frame) + wire::kCounterBytes),
         "sealing works");
    return {session_, {}, frame, original_size};
  }

  const std::string& session() const { return session_; }
  void set_counter(std::uint64_t counter) { counter_ = counter; }

 private:
  wire::Key key_;
  std::string session_;
  std::uint64_t counter_ = 0;
};

}  // namespace mlguard::support
