// Messages between nodes as bytes: the body of POST /v1/peer and of its answer. The byte format
// stands in docs/wire-format.md ("Peer messages"). Stateless; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "replicator/messages.h"

namespace mlguard::replicator {

inline constexpr std::size_t kNodeIdCharsMax = 300;  // "host:port"

std::string encode(const Message& message);

// Error: invalid_argument / "bad_message" for anything that encode() cannot have made; nothing is
// allocated for sizes that the bytes do not hold.
base::Result<Message> decode_message(std::string_view bytes);

}  // namespace mlguard::replicator
