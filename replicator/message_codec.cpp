#include "replicator/message_codec.h"

#include <utility>

#include "base/bytes.h"
#include "replicator/entry_bytes.h"

namespace mlguard::replicator {

namespace {

using base::ByteReader;
using base::ByteWriter;

constexpr std::uint8_t kFormat = 1;

void put_entries(ByteWriter& out, const std::vector<Entry>& entries) {
  out.varint(entries.size());
  for (const Entry& entry : entries) put_entry(out, entry);
}

bool take_entries(ByteReader& in, std::size_t count_max, std::vector<Entry>& entries) {
  const std::uint64_t count = in.varint().value_or(0);
  if (in.failed() || count > count_max) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry entry;
    if (!take_entry(in, entry)) return false;
    entries.push_back(std::move(entry));
  }
  return true;
}

// A number that must lie below `count`.
template <class Enum>
bool take_enum(ByteReader& in, std::uint8_t count, Enum& out) {
  const auto value = in.byte();
  if (!value || *value >= count) return false;
  out = static_cast<Enum>(*value);
  return true;
}

// ---- One pair for each kind of body, in the order of the variant -----------------------------

struct Encoder {
  ByteWriter& out;

  void operator()(const Ping& body) const {
    out.varint(body.tail);
    out.varint(body.committed);
    out.varint(body.round);
  }
  void operator()(const Pong& body) const { out.varint(body.round); }
  void operator()(const VoteRequest& body) const {
    out.byte(static_cast<std::uint8_t>(body.kind));
    out.varint(body.tail_revision);
    out.varint(body.tail_term);
  }
  void operator()(const VoteReply& body) const {
    out.byte(static_cast<std::uint8_t>(body.kind));
    out.byte(body.granted ? 1 : 0);
  }
  void operator()(const Fetch& body) const {
    out.varint(body.id);
    out.varint(body.after);
    put_digest(out, body.digest);
    out.varint(body.committed);
  }
  void operator()(const FetchReply& body) const {
    out.varint(body.id);
    out.byte(static_cast<std::uint8_t>(body.outcome));
    out.varint(body.tail);
    out.varint(body.committed);
    put_entries(out, body.entries);
  }
  void operator()(const Probe& body) const {
    out.varint(body.id);
    out.varint(body.positions.size());
    for (const ProbePosition& position : body.positions) {
      out.varint(position.revision);
      put_digest(out, position.digest);
    }
  }
  void operator()(const ProbeReply& body) const {
    out.varint(body.id);
    out.varint(body.matching);
  }
  void operator()(const MergeTail& body) const {
    out.varint(body.id);
    out.varint(body.common);
    put_entries(out, body.entries);
  }
  void operator()(const MergeReply& body) const { out.varint(body.id); }
  void operator()(const TransferNow&) const {}
};

constexpr std::uint8_t kVoteKinds = 3;
constexpr std::uint8_t kFetchOutcomes = 5;
constexpr std::uint8_t kTruths = 2;

bool take(ByteReader& in, Ping& body) {
  body.tail = in.varint().value_or(0);
  body.committed = in.varint().value_or(0);
  body.round = in.varint().value_or(0);
  return true;
}
bool take(ByteReader& in, Pong& body) {
  body.round = in.varint().value_or(0);
  return true;
}
bool take(ByteReader& in, VoteRequest& body) {
  if (!take_enum(in, kVoteKinds, body.kind)) return false;
  body.tail_revision = in.varint().value_or(0);
  body.tail_term = in.varint().value_or(0);
  return true;
}
bool take(ByteReader& in, VoteReply& body) {
  return take_enum(in, kVoteKinds, body.kind) && take_enum(in, kTruths, body.granted);
}
bool take(ByteReader& in, Fetch& body) {
  body.id = in.varint().value_or(0);
  body.after = in.varint().value_or(0);
  if (!take_digest(in, body.digest)) return false;
  body.committed = in.varint().value_or(0);
  return true;
}
bool take(ByteReader& in, FetchReply& body) {
  body.id = in.varint().value_or(0);
  if (!take_enum(in, kFetchOutcomes, body.outcome)) return false;
  body.tail = in.varint().value_or(0);
  body.committed = in.varint().value_or(0);
  return take_entries(in, kFetchEntriesMax, body.entries);
}
bool take(ByteReader& in, Probe& body) {
  body.id = in.varint().value_or(0);
  const std::uint64_t count = in.varint().value_or(0);
  if (count > kProbePositionsMax) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    ProbePosition position;
    position.revision = in.varint().value_or(0);
    if (!take_digest(in, position.digest)) return false;
    body.positions.push_back(position);
  }
  return true;
}
bool take(ByteReader& in, ProbeReply& body) {
  body.id = in.varint().value_or(0);
  body.matching = in.varint().value_or(0);
  return body.matching <= kProbePositionsMax;
}
bool take(ByteReader& in, MergeTail& body) {
  body.id = in.varint().value_or(0);
  body.common = in.varint().value_or(0);
  return take_entries(in, kMergeEntriesMax, body.entries);
}
bool take(ByteReader& in, MergeReply& body) {
  body.id = in.varint().value_or(0);
  return true;
}
bool take(ByteReader& /*in*/, TransferNow& /*body*/) { return true; }

// Reads the alternative that stands at `index` of the variant.
template <std::size_t Index = 0>
bool take_body(ByteReader& in, std::size_t index, Body& body) {
  if constexpr (Index < std::variant_size_v<Body>) {
    if (index != Index) return take_body<Index + 1>(in, index, body);
    return take(in, body.emplace<Index>());
  } else {
    return false;
  }
}

}  // namespace

std::string encode(const Message& message) {
  std::string bytes;
  ByteWriter out(bytes);
  out.byte(kFormat);
  out.byte(static_cast<std::uint8_t>(message.body.index()));
  out.counted(message.from);
  out.counted(message.to);
  out.varint(message.term);
  std::visit(Encoder{out}, message.body);
  return bytes;
}

base::Result<Message> decode_message(std::string_view bytes) {
  ByteReader in(bytes);
  Message message;
  const bool known = in.byte() == kFormat;
  const std::uint8_t index = in.byte().value_or(UINT8_MAX);
  message.from = in.counted().value_or(std::string_view());
  message.to = in.counted().value_or(std::string_view());
  message.term = in.varint().value_or(0);
  const bool named = !message.from.empty() && message.from.size() <= kNodeIdCharsMax &&
                     message.to.size() <= kNodeIdCharsMax;
  if (!known || !named || !take_body(in, index, message.body) || !in.at_end()) {
    return base::Error{base::ErrorCode::invalid_argument, "bad_message",
                       "this is no message of an etcd-server of this version"};
  }
  return message;
}

}  // namespace mlguard::replicator
