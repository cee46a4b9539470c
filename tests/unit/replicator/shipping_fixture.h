// What tests of shipping share: real stores in files as source and sink of a shipping folder, and
// ways to damage what lies in it. Not for sharing between threads.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "db/backup.h"
#include "db/reader_pool.h"
#include "db/sqlite_reader.h"
#include "db/sqlite_store.h"
#include "replicator/log_entries.h"
#include "replicator/segment_reader.h"
#include "replicator/segment_writer.h"
#include "support/temp_dir.h"
#include "tests/unit/db/samples.h"

namespace mlguard::replicator::test {

inline std::unique_ptr<db::SqliteStore> open_store(const std::string& path, base::Clock& clock) {
  auto store = db::SqliteStore::open({path, {}, ""}, clock);
  EXPECT_TRUE(store.ok()) << store.error().message;
  (*store)->connection().execute("PRAGMA synchronous = OFF");  // A test outlives no crash.
  return std::move(store).value();
}

inline Position position_of(const db::SqliteStore& store) {
  return {store.state().revision, store.state().last_term, store.state().digest};
}

inline base::Result<std::optional<Position>> position_in(db::SqliteStore& store,
                                                         Revision revision) {
  const auto found = store.position_at(revision);
  if (!found.ok()) return found.error();
  if (!*found) return std::optional<Position>();
  return std::optional<Position>({(*found)->revision, (*found)->term, (*found)->digest});
}

// A store that ships. Everything in it is committed unless `committed_max` says otherwise.
class TestSource final : public EntrySource {
 public:
  TestSource(const std::string& path, base::ManualClock& clock)
      : path_(path), clock_(clock), store_(open_store(path, clock)) {}

  Revision committed() override { return std::min(committed_max, store_->state().revision); }
  base::Result<std::optional<Position>> position_at(Revision revision) override {
    return position_in(*store_, revision);
  }
  base::Result<std::vector<Entry>> entries(Revision after, std::size_t count_max,
                                           std::size_t bytes_max) override {
    auto found = store_->entries_after(after, count_max, bytes_max);
    if (!found.ok()) return found.error();
    std::vector<Entry> entries;
    for (const db::LogEntry& entry : *found) entries.push_back(entry_of(entry));
    most_entries_pulled = std::max(most_entries_pulled, after + entries.size());
    return entries;
  }
  base::Status snapshot_to(const std::string& path) override {
    ++snapshots_taken;
    db::ReaderPool pool(path_);
    auto reader = db::SqliteReader::open(pool);
    if (!reader.ok()) return reader.error();
    const auto done = db::backup_database(**reader, path);
    return done.ok() ? base::Status() : base::Status(done.error());
  }

  // One entry; `bytes` of document that do not compress well.
  void write(std::size_t bytes = 20) {
    clock_.advance_ms(10);
    const std::string document = "{\"x\":\"" + base::random_hex(bytes / 2) + "\"}";
    ASSERT_TRUE(store_->begin_group().ok());
    auto done = store_->execute({db::PutConfig{"sniffer", document, "", {}}, "operator", ""});
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_TRUE(store_->commit_group().ok());
    state_digests_[store_->state().revision] = store_->state().state_digest;
  }
  void write_many(int count, std::size_t bytes = 20) {
    for (int i = 0; i < count; ++i) write(bytes);
  }
  void set_term(Term term) { ASSERT_TRUE(store_->set_hard_state(term, "").ok()); }
  db::SqliteStore& store() { return *store_; }
  // What the state digest was at a revision.
  const std::map<Revision, db::Digest>& state_digests() const { return state_digests_; }

  Revision committed_max = std::numeric_limits<Revision>::max();
  int snapshots_taken = 0;
  std::uint64_t most_entries_pulled = 0;

 private:
  std::string path_;
  base::ManualClock& clock_;
  std::unique_ptr<db::SqliteStore> store_;
  std::map<Revision, db::Digest> state_digests_;
};

// A store that follows.
class TestSink final : public EntrySink {
 public:
  TestSink(const std::string& path, base::ManualClock& clock)
      : path_(path), clock_(clock), store_(open_store(path, clock)) {}

  Position position() override { return test::position_of(*store_); }
  base::Result<std::optional<Position>> position_at(Revision revision) override {
    return position_in(*store_, revision);
  }
  base::Status apply(const std::vector<Entry>& entries) override {
    if (apply_error) return *apply_error;
    base::Status done = store_->begin_group();
    for (const Entry& entry : entries) {
      if (done.ok()) done = store_->apply_entry(*log_entry_of(entry));
    }
    if (!done.ok()) {
      store_->roll_back_group();
      return done;
    }
    return store_->commit_group();
  }
  base::Status install(const std::string& database, const Position& /*position*/) override {
    ++installed;
    store_.reset();
    std::filesystem::rename(database, path_);
    store_ = open_store(path_, clock_);
    return {};
  }
  db::SqliteStore& store() { return *store_; }

  int installed = 0;
  std::optional<base::Error> apply_error;

 private:
  std::string path_;
  base::ManualClock& clock_;
  std::unique_ptr<db::SqliteStore> store_;
};

class ShippingTest : public testing::Test {
 protected:
  ShippingTest() {
    options_.folder = shipped();
    options_.work_folder = folder_ / "work";
  }

  std::string shipped() const { return folder_ / "shipped"; }
  std::string path(const FileName& name) const { return shipped() + "/" + name.text(); }

  std::unique_ptr<TestSource> make_source(const std::string& name = "source.db") {
    return std::make_unique<TestSource>(folder_ / name, clock_);
  }
  std::unique_ptr<TestSink> make_sink() {
    return std::make_unique<TestSink>(folder_ / "sink.db", clock_);
  }
  SegmentFollower make_follower(TestSink& sink) {
    return SegmentFollower({shipped(), folder_ / "follower-work"}, key_, sink);
  }
  // Ships all that is committed, whatever its age.
  void ship_all(SegmentShipper& shipper) {
    for (int i = 0; i < 3; ++i) {
      now_ms_ += kShipRetryMs;
      const base::Status done = shipper.flush(now_ms_);
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  }
  // A folder with a snapshot at revision 1 and `count` segments of two entries each after it.
  void ship_segments(TestSource& source, int count) {
    SegmentShipper shipper(options_, key_, source);
    if (source.store().state().revision == 0) source.write();
    ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
    for (int i = 0; i < count; ++i) {
      source.write_many(2);
      ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
    }
  }

  ShippingFolder listing(const ShippingKey& key) {
    ShippingFolder folder(shipped(), key);
    EXPECT_TRUE(folder.scan().ok());
    return folder;
  }
  std::vector<FileName> segments() { return listing(key_).segments(); }
  std::vector<FileName> snapshots() { return listing(key_).snapshots(); }

  void change(const FileName& name, const std::function<void(std::string&)>& edit) {
    std::string content = support::read_text(path(name));
    edit(content);
    support::write_text(path(name), content);
  }
  void flip_bit(const FileName& name, std::size_t at) {
    change(name, [at](std::string& bytes) { bytes[at] = static_cast<char>(bytes[at] ^ 1); });
  }

  base::ManualClock clock_;
  support::TempDir folder_;
  ShippingKey key_ = ShippingKey::of(wire::ClusterKey::generate());
  ShipOptions options_;
  std::int64_t now_ms_ = 1;
};

template <class T>
std::string reason_of(const base::Result<T>& result) {
  return db::test::reason_of(result);
}

}  // namespace mlguard::replicator::test
