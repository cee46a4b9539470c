// What tests of the store's core share: stores in memory, and one write in a group of its own.
// Not for sharing between threads.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "db/sqlite_store.h"
#include "tests/unit/db/samples.h"

namespace mlguard::db::test {

class CoreTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteStore> make_store(const std::string& node_id = "",
                                          const Retention& retention = {}) {
    auto store = SqliteStore::open({":memory:", retention, node_id}, clock_);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(store).value();
  }

  static base::Result<WriteResult> write(SqliteStore& store, Command command,
                                         const std::string& request_id = "",
                                         const std::string& author = "operator") {
    EXPECT_TRUE(store.begin_group().ok());
    auto result = store.execute({std::move(command), author, request_id});
    EXPECT_TRUE(store.commit_group().ok());
    return result;
  }
  static base::Result<WriteResult> put(SqliteStore& store, const std::string& component,
                                       const std::string& document,
                                       std::optional<std::uint64_t> expected = std::nullopt) {
    return write(store, PutConfig{component, document, "", expected});
  }
  static base::Status apply(SqliteStore& store, const LogEntry& entry) {
    EXPECT_TRUE(store.begin_group().ok());
    const base::Status applied = store.apply_entry(entry);
    const base::Status committed = store.commit_group();
    return applied.ok() ? committed : applied;
  }
  static std::vector<LogEntry> all_entries(SqliteStore& store) {
    auto entries = store.entries_after(0, 100'000, 1U << 30);
    EXPECT_TRUE(entries.ok()) << entries.error().message;
    return std::move(entries).value();
  }
  static std::int64_t count(SqliteStore& store, const std::string& from) {
    return store.connection().integer_of("SELECT count(*) FROM " + from);
  }

  base::ManualClock clock_;
};

}  // namespace mlguard::db::test
