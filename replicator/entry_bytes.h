// A log entry as bytes, in messages between nodes and in segments: revision, term (LEB128), digest,
// payload (counted). Stateless.
#pragma once

#include "base/bytes.h"
#include "replicator/types.h"

namespace mlguard::replicator {

void put_digest(base::ByteWriter& out, const Digest& digest);
bool take_digest(base::ByteReader& in, Digest& digest);

void put_entry(base::ByteWriter& out, const Entry& entry);
// False when the bytes hold no whole entry.
bool take_entry(base::ByteReader& in, Entry& entry);

}  // namespace mlguard::replicator
