// Index: everything rag knows, in one SQLite file (WAL) that anyone can open with `sqlite3`: exact
// columns for exact questions, and an FTS5 table over title and text for all others. It is a copy:
// what is damaged or of an older layout is set aside and built anew from the control plane, so it
// needs no fsync (synchronous=OFF is safe against kill -9, and a torn file is rebuilt).
//
// Bounded: of what is older than the retention, or beyond documents_max, the oldest history goes
// (never active configuration, live rules, present health or docs), see trim(). Its size grows with
// the number of records, linearly (tests/bench/rag_bench).
//
// Threads: one thread at a time; find(), count_by() and search() are const but share statements.
// Errors: corrupt (the file is set aside at open(); later: stop and reopen), io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rag/record.h"

namespace mlguard::rag {

inline constexpr std::size_t kFindMax = 10'000;
inline constexpr std::size_t kSearchMax = 64;

enum class Order { newest_first, oldest_first };
enum class Column { component, address, kind, actor, path, destination };

// All that is set must hold.
struct Filter {
  std::vector<Table> tables;  // none: all
  std::string key;
  std::string component;
  std::uint64_t version = 0;
  std::string path;         // exact
  std::string path_suffix;  // "block" matches "thresholds.block" and "block", at a dot
  std::string kind;
  std::string kind_prefix;  // audit: "config." ; change: "config/"
  std::string actor;
  // Records whose address equals this one, lies in this network, or is a network that holds it.
  // An address or CIDR of either family; IPv4-mapped IPv6 is IPv4.
  std::string address;
  std::optional<std::int64_t> from_ms;   // at_ms >= from_ms
  std::optional<std::int64_t> until_ms;  // at_ms < until_ms
  // In force at that moment: at_ms <= it, and ends_at_ms is 0 or after it.
  std::optional<std::int64_t> in_force_at_ms;
  Order order = Order::newest_first;
  std::size_t limit = 100;  // at most kFindMax
};

struct Count {
  std::string value;
  std::uint64_t records = 0;
  std::int64_t last_ms = 0;    // The newest among them …
  std::string newest_key;      // … its key,
  std::uint64_t revision = 0;  // … and its revision.
};

// Words that mean the same; a record matches a group by any of its words. More groups matched, and
// in the title, rank higher. Words are plain: the index quotes them, so that no text is a query.
struct SearchQuery {
  std::vector<std::vector<std::string>> groups;
  Filter filter;            // limit: at most kSearchMax
  std::int64_t now_ms = 0;  // For recency: newer history is preferred among equals.
};

struct Hit {
  Record record;
  double rank = 0;  // Higher is better; comparable within one answer only.
};

// Several changes that are seen together or not at all. What is not committed when it ends is
// undone. While it lives, put(), remove(), clear() and trim() are part of it.
class IndexTransaction {
 public:
  virtual ~IndexTransaction() = default;
  virtual base::Status commit() = 0;
};

class Index {
 public:
  // ":memory:" for tests. A file that is damaged or of another layout is set aside
  // (PATH.damaged) and a new one begun, which rebuilt() tells.
  static base::Result<std::unique_ptr<Index>> open(const std::string& path);
  virtual ~Index() = default;

  // The state's revision that the index holds everything up to, and the identity of the cluster's
  // history that it belongs to. 0: nothing yet.
  virtual std::uint64_t revision() const = 0;
  virtual bool rebuilt() const = 0;
  virtual std::string history() const = 0;
  virtual base::Status set_history(const std::string& identity) = 0;

  // REQUIRES: no other is open. The index must outlive it.
  virtual base::Result<std::unique_ptr<IndexTransaction>> begin() = 0;

  // In one transaction with the revision reached. A record with the key of one that is there
  // replaces it.
  virtual base::Status put(const std::vector<Record>& records, std::uint64_t revision) = 0;
  virtual base::Status remove(Table table, const std::vector<std::string>& keys) = 0;
  // Everything but docs goes; revision() becomes 0.
  virtual base::Status clear() = 0;
  // Removes history older than `oldest_ms`, then the oldest until `records_max` are left; says how
  // many went.
  virtual base::Result<std::size_t> trim(std::int64_t oldest_ms, std::size_t records_max) = 0;

  virtual base::Result<std::vector<Record>> find(const Filter& filter) const = 0;
  virtual base::Result<std::uint64_t> count(const Filter& filter) const = 0;
  // Most frequent first; ties by value.
  virtual base::Result<std::vector<Count>> count_by(Column column, const Filter& filter,
                                                    std::size_t limit) const = 0;
  // Of the versions of one value of a configuration only the best is among the hits.
  virtual base::Result<std::vector<Hit>> search(const SearchQuery& query) const = 0;
};

}  // namespace mlguard::rag
