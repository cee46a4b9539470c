// Handshaker: answers POST /v1/session. It decides by the client's static key who asks, with which
// pre-shared key the handshake must be finished, and makes the session. Nothing is stored here: a
// token is used up by the first message that opens (gate.h), because message 1 can be replayed.
//
// Threads: any event loop. Cheap enough for it: four X25519 operations and two reads.
#pragma once

#include <cstdint>
#include <string>

#include "server/api_context.h"
#include "server/http_types.h"

namespace mlguard::server {

struct HandshakeAnswer {
  HttpAnswer http;             // The body is message 2, or a plain JSON error.
  bool unknown_party = false;  // The key or the token is not known here.
};

class Handshaker {
 public:
  explicit Handshaker(ApiContext& api);

  HandshakeAnswer answer(const HttpRequest& request);

 private:
  // Who the static key belongs to, and the psk that finishes the handshake.
  struct Party {
    Identity identity;
    wire::Key psk;
    std::string token_id;  // To be used up; empty when there is none.
  };
  base::Result<Party> find_party(const std::string& key, const std::string& token_id,
                                 const std::string& wished_name);
  base::Result<Party> party_of_token(db::Reader& reader, const std::string& key,
                                     const std::string& token_id, const std::string& wished_name,
                                     bool already_enrolled_by_it);
  base::Result<HttpAnswer> try_answer(const HttpRequest& request);
  base::Error refused(HandshakeOutcome outcome, base::Error error);

  ApiContext& api_;
  const wire::KeyPair cluster_keys_;
  const std::string operator_key_;
  const std::string peer_key_;
  const std::string node_id_;
};

}  // namespace mlguard::server
