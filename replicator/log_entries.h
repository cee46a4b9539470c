// Entries as the protocol and shipped files carry them, and as the store keeps them. Stateless.
#pragma once

#include <string>

#include "base/result.h"
#include "db/entry_codec.h"
#include "db/log_entry.h"
#include "replicator/types.h"

namespace mlguard::replicator {

inline Entry entry_of(const db::LogEntry& entry) {
  return {entry.revision, entry.term, entry.digest, db::encode_payload(entry)};
}

// Error: of decode_payload.
inline base::Result<db::LogEntry> log_entry_of(const Entry& entry) {
  base::Result<db::LogEntry> decoded = db::decode_payload(entry.payload);
  if (!decoded.ok()) return decoded;
  decoded->revision = entry.revision;
  decoded->term = entry.term;
  decoded->digest = entry.digest;
  return decoded;
}

}  // namespace mlguard::replicator
