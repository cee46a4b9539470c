// Storage in a few maps: cheap enough for thousands of seeds, and written independently of db/.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "records.h"
#include "storage.h"

namespace mlguard::sim {

class ModelStorage final : public Storage {
 public:
  ModelStorage(std::string self, Membership bootstrap);

  Recovered recover() override;
  Position tail() const override { return state_.tail; }
  Revision base() const override { return state_.base.revision; }
  StorageDone run(const StorageCommand& command, std::int64_t wall_ms) override;
  std::shared_ptr<const Snapshot> snapshot() const override;
  StorageDone install(std::uint64_t command_id, const Snapshot& snapshot,
                      Revision keep_after) override;
  void trim(Revision through) override;
  std::string read(const std::string& key) const override;
  std::vector<Row> rows() const override;
  std::vector<Conflict> conflicts() const override;
  std::string state_digest() const override;
  std::string encode(const Command& command) const override;
  EntryContent content(const Entry& entry) const override;

  std::optional<Position> position_at(Revision revision) const override;
  std::vector<Entry> entries(Revision after, Revision through, std::size_t count_max,
                             std::size_t bytes_max) const override;
  replicator::SetAside set_aside(std::size_t count_max, std::size_t bytes_max) const override;

 private:
  // All that a snapshot holds.
  struct State {
    Position base;
    Position tail;
    std::map<std::string, Row> rows;
    std::map<std::string, Revision> requests;
    std::vector<Conflict> conflicts;
    Membership membership;
    std::uint64_t hlc = 0;
  };
  struct ModelSnapshot;

  void execute(const replicator::Execute& execute, std::int64_t wall_ms, StorageDone& done);
  replicator::ExecuteResult execute_one(const replicator::Proposal& proposal, Term term,
                                        std::int64_t wall_ms, StorageDone& done);
  replicator::ExecuteResult execute_write(const replicator::Proposal& proposal, Term term,
                                          std::int64_t wall_ms);
  replicator::ExecuteResult append_record(const Record& record, Term term);
  void append(const replicator::Append& append, StorageDone& done);
  // False: it does not continue this log, or a row is not newer than what it replaces.
  bool apply(const Entry& entry);
  std::uint64_t next_hlc(std::int64_t wall_ms);

  const std::string self_;
  replicator::HardState hard_state_;
  Revision committed_ = 0;
  State state_;
  std::vector<Entry> log_;  // Entries after state_.base.
  // Each with the revision up to which its history agreed with the one that replaced it.
  std::deque<std::pair<Revision, Entry>> set_aside_;
};

}  // namespace mlguard::sim
