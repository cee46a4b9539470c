#include "records.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mlguard::sim {
namespace {

constexpr std::uint64_t kMixA = 0xff51afd7ed558ccdULL;
constexpr std::uint64_t kMixB = 0xc4ceb9fe1a85ec53ULL;

// Fields with their length before them: "3:abc".
class Encoder {
 public:
  void text(std::string_view value) {
    bytes_ += std::to_string(value.size());
    bytes_ += ':';
    bytes_ += value;
  }
  void number(std::uint64_t value) { text(std::to_string(value)); }
  void row(const Row& row) {
    text(row.key);
    text(row.value);
    number(row.hlc);
    text(row.origin);
    text(row.request);
    number(row.compared ? 1 : 0);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}
  std::string text() {
    const std::size_t colon = bytes_.find(':', at_);
    const std::size_t size = std::stoul(std::string(bytes_.substr(at_, colon - at_)));
    std::string value(bytes_.substr(colon + 1, size));
    at_ = colon + 1 + size;
    return value;
  }
  std::uint64_t number() { return std::stoull(text()); }
  Row row() {
    Row row;
    row.key = text();
    row.value = text();
    row.hlc = number();
    row.origin = text();
    row.request = text();
    row.compared = number() != 0;
    return row;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value * kMixA;
  hash = (hash ^ (hash >> 33)) * kMixB;
  return hash ^ (hash >> 29);
}

}  // namespace

bool operator==(const Row& a, const Row& b) {
  return std::tie(a.key, a.value, a.hlc, a.origin) == std::tie(b.key, b.value, b.hlc, b.origin);
}

std::string encode_command(const Command& command) {
  Encoder encoder;
  encoder.number(static_cast<std::uint64_t>(command.kind));
  encoder.text(command.key);
  encoder.text(command.value);
  encoder.text(command.expected);
  encoder.text(command.request);
  return encoder.take();
}

Command decode_command(std::string_view bytes) {
  Decoder decoder(bytes);
  Command command;
  command.kind = static_cast<CommandKind>(decoder.number());
  command.key = decoder.text();
  command.value = decoder.text();
  command.expected = decoder.text();
  command.request = decoder.text();
  return command;
}

std::string encode_record(const Record& record) {
  Encoder encoder;
  encoder.number(record.content.is_merge ? 1 : 0);
  encoder.number(record.content.rows.size());
  for (const Row& row : record.content.rows) encoder.row(row);
  encoder.number(record.content.conflicts.size());
  for (const Conflict& conflict : record.content.conflicts) {
    encoder.row(conflict.row);
    encoder.text(conflict.reason);
  }
  encoder.number(record.members.size());
  for (const Member& member : record.members) {
    encoder.text(member.id);
    encoder.number(member.kind == replicator::MemberKind::voter ? 1 : 0);
  }
  return encoder.take();
}

Record decode_record(std::string_view bytes) {
  Decoder decoder(bytes);
  Record record;
  record.content.is_merge = decoder.number() != 0;
  for (std::uint64_t left = decoder.number(); left > 0; --left) {
    record.content.rows.push_back(decoder.row());
  }
  for (std::uint64_t left = decoder.number(); left > 0; --left) {
    Conflict conflict;
    conflict.row = decoder.row();
    conflict.reason = decoder.text();
    record.content.conflicts.push_back(std::move(conflict));
  }
  for (std::uint64_t left = decoder.number(); left > 0; --left) {
    Member member;
    member.id = decoder.text();
    member.kind =
        decoder.number() != 0 ? replicator::MemberKind::voter : replicator::MemberKind::learner;
    record.members.push_back(std::move(member));
  }
  return record;
}

replicator::Digest chain(const replicator::Digest& previous, Term term, Revision revision,
                         std::string_view payload) {
  std::uint64_t hash = mix(mix(0, term), revision);
  for (const std::uint8_t byte : previous) hash = mix(hash, byte);
  for (const char byte : payload) hash = mix(hash, static_cast<unsigned char>(byte));
  replicator::Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    if (i % sizeof(hash) == 0) hash = mix(hash, i + 1);
    digest[i] = static_cast<std::uint8_t>(hash >> (8 * (i % sizeof(hash))));
  }
  return digest;
}

bool is_later(const Row& row, const Row& other) {
  return std::tie(row.hlc, row.origin) > std::tie(other.hlc, other.origin);
}

EntryContent merge(const std::map<std::string, Row>& state, const std::set<std::string>& requests,
                   const std::vector<Record>& tail, Revision common, std::int64_t wall_ms) {
  EntryContent merged;
  merged.is_merge = true;
  std::map<std::string, Row> winners;
  const auto future = static_cast<std::uint64_t>(wall_ms + kClockAheadMsMax) << kHlcCounterBits;
  for (const Record& record : tail) {
    // What was kept for its readers over there is kept for ours.
    for (const Conflict& kept : record.content.conflicts) merged.conflicts.push_back(kept);
    for (const Row& row : record.content.rows) {
      // The client has retried and was answered: done once already.
      if (requests.count(row.request) != 0) continue;
      const auto winner = winners.find(row.key);
      const auto standing = state.find(row.key);
      const Row* current = winner != winners.end()   ? &winner->second
                           : standing != state.end() ? &standing->second
                                                     : nullptr;
      if (row.compared) {
        merged.conflicts.push_back({row, "compare-and-set"});
      } else if (row.hlc > future) {
        merged.conflicts.push_back({row, "clock ahead"});
      } else if (current == nullptr) {
        winners[row.key] = row;
      } else if (is_later(row, *current)) {
        // What the tail's writer had seen, its own earlier writes included, is no conflict.
        const bool was_seen = winner != winners.end() || current->revision <= common;
        if (!was_seen) merged.conflicts.push_back({*current, "overwritten"});
        winners[row.key] = row;
      } else if (!(row == *current)) {
        merged.conflicts.push_back({row, "older"});
      }
    }
  }
  for (auto& [key, row] : winners) merged.rows.push_back(std::move(row));
  return merged;
}

}  // namespace mlguard::sim
