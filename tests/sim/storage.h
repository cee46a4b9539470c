// What a simulated node keeps its state in: a log and a small table of keys, durable once a call
// returns. Two implementations: ModelStorage (in memory, for thousands of seeds) and DbStorage (the
// real store over SQLite). When a command runs, and what a crash does to it, is the disk's business
// (node.h). One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replicator/storage.h"

namespace mlguard::sim {

using replicator::Entry;
using replicator::Member;
using replicator::Membership;
using replicator::Position;
using replicator::Recovered;
using replicator::Revision;
using replicator::StorageCommand;
using replicator::StorageDone;
using replicator::Term;

enum class CommandKind {
  put,
  ensure,           // As put, but changes nothing where the value stands already.
  compare_and_set,  // Refused where `expected` does not stand (empty: absent).
};

// What a client asks for.
struct Command {
  CommandKind kind = CommandKind::put;
  std::string key;
  std::string value;
  std::string expected;
  std::string request;  // The same on every retry.
};

// One written row, with what decides which of two writes is the last.
struct Row {
  std::string key;
  std::string value;
  std::uint64_t hlc = 0;
  std::string origin;
  std::string request;
  bool compared = false;  // Written by compare-and-set: never merged.
  Revision revision = 0;  // That wrote it here; not part of an entry.
};
bool operator==(const Row& a, const Row& b);

// A write that lost against another, kept readable.
struct Conflict {
  Row row;
  std::string reason;
};

// What an entry did, for the oracle and the trace.
struct EntryContent {
  bool is_merge = false;
  std::vector<Row> rows;
  std::vector<Conflict> conflicts;
};

// ExecuteResult::detail of an `ensure` that changed nothing.
inline constexpr std::string_view kStandsDetail = "stands";

struct Snapshot {
  virtual ~Snapshot() = default;
  Position position;
};

class Storage : public replicator::LogReader {
 public:
  // What is there, as after a start.
  virtual Recovered recover() = 0;
  virtual Position tail() const = 0;
  virtual Revision base() const = 0;

  // PersistVote, Execute, Append and ForgetSetAside: whole and durable, or changing nothing.
  virtual StorageDone run(const StorageCommand& command, std::int64_t wall_ms) = 0;

  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  // Sets own entries after `keep_after` aside first.
  virtual StorageDone install(std::uint64_t command_id, const Snapshot& snapshot,
                              Revision keep_after) = 0;
  // Forgets entries up to and including `through`.
  virtual void trim(Revision through) = 0;

  virtual std::string read(const std::string& key) const = 0;
  virtual std::vector<Row> rows() const = 0;
  virtual std::vector<Conflict> conflicts() const = 0;
  // Equal at equal revisions, or apply is not deterministic.
  virtual std::string state_digest() const = 0;

  virtual std::string encode(const Command& command) const = 0;
  virtual EntryContent content(const Entry& entry) const = 0;
};

}  // namespace mlguard::sim
