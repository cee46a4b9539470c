#include "replicator/entry_bytes.h"

#include <algorithm>
#include <string_view>

namespace mlguard::replicator {

void put_digest(base::ByteWriter& out, const Digest& digest) {
  out.raw({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool take_digest(base::ByteReader& in, Digest& digest) {
  const auto bytes = in.raw(digest.size());
  if (bytes) std::copy(bytes->begin(), bytes->end(), digest.begin());
  return bytes.has_value();
}

void put_entry(base::ByteWriter& out, const Entry& entry) {
  out.varint(entry.revision);
  out.varint(entry.term);
  put_digest(out, entry.digest);
  out.counted(entry.payload);
}

bool take_entry(base::ByteReader& in, Entry& entry) {
  entry.revision = in.varint().value_or(0);
  entry.term = in.varint().value_or(0);
  if (!take_digest(in, entry.digest)) return false;
  entry.payload = in.counted().value_or(std::string_view());
  return !in.failed();
}

}  // namespace mlguard::replicator
