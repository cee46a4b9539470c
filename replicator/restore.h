// Restoring from a folder of shipped files: the state as of any revision that it holds, as the
// database of a new node. `etcd-server restore` is the command around it (server/restore_command.h,
// docs/operations.md). Stateless; blocks until it is done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "replicator/sealed_file.h"
#include "replicator/types.h"

namespace mlguard::replicator {

struct RestoreOptions {
  std::string from;
  std::optional<Revision> to_revision;  // None: the last there is.
  std::string data_dir;                 // Made when absent; holds no database yet.
  // Where the history itself says who takes part (after a member was added or removed), one entry
  // more makes this address ("host:port") the only member. Empty: members stay as they were.
  std::string only_member;
};

struct RestoreReport {
  Revision revision = 0;  // The one that was asked for, or the one that `only_member` added.
  Term term = 0;
  std::int64_t time_ms = 0;  // When that revision was written; 0: not known.
  std::uint64_t rows = 0;
  std::uint64_t entries_checked = 0;  // Of the digest chain.
  std::string digest;                 // Hex: the chain at `revision`.
  std::string state_digest;           // Hex.
  std::string node_id;                // The new one.
  std::string database;               // Its path.
  std::string snapshot;               // The file it began with.
  std::uint64_t segments = 0;         // Applied after that.
  // Who takes part, as the history says; empty: whoever is named when the instance is started.
  std::vector<std::string> members;
};

// All or nothing: an error leaves no database behind. Errors, each with what to do:
//   conflict / "data_dir_in_use"      the folder holds a database already
//   not_found / "too_old"             nothing shipped reaches back so far
//   not_found / "beyond_shipped"      it ends before that revision
//   not_found / "segment_missing", or what the damaged file is refused for (sealed_file.h): names
//     the file and the highest revision that can be restored
//   invalid_argument / "invalid_member"
//   corrupt / "restore_mismatch"      the result does not verify
base::Result<RestoreReport> restore(const RestoreOptions& options, const ShippingKey& key,
                                    base::Clock& clock);

// From a snapshot on, every revision up to `last`.
struct RestorableRange {
  std::vector<FileHeader> snapshots;  // Sound ones, oldest first.
  Position last;
  std::int64_t last_time_ms = 0;
};
struct RestorableGeneration {
  std::uint64_t generation = 0;
  std::vector<RestorableRange> ranges;  // Oldest first; more than one when files are missing.
};
struct RestoreList {
  std::vector<RestorableGeneration> generations;  // The one in force first; seldom more.
  std::vector<std::string> replaced;              // Folders of histories that were replaced.
  std::vector<base::Error> problems;
};
// Reads and checks every file.
base::Result<RestoreList> list_restorable(const std::string& from, const ShippingKey& key);

}  // namespace mlguard::replicator
