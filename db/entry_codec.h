// The payload of a log entry: what travels to followers, rests in segments and among the entries
// set aside, beside its revision, term and digest. Byte format: docs/store.md ("Entry payloads").
// Stateless; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "db/log_entry.h"

namespace mlguard::db {

// Everything of the entry but revision, term and digest.
std::string encode_payload(const LogEntry& entry);

// An entry without revision, term and digest. Error: corrupt / "bad_entry" for bytes that
// encode_payload cannot have made, or of a version that this build does not know.
base::Result<LogEntry> decode_payload(std::string_view payload);

}  // namespace mlguard::db
