// What keeps a shipping folder small: many small segments become one, and what no restore within
// the retention needs is removed. Run by the shipper on its thread. Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "replicator/shipping_folder.h"

namespace mlguard::replicator {

// Snapshots of the generation in force that are kept, with all segments since the oldest of them.
inline constexpr std::size_t kSnapshotsKept = 3;
inline constexpr std::size_t kSnapshotsKeptMin = 2;
// An hour of heartbeats is 720 segments of a few hundred bytes each; merged by so many.
inline constexpr std::size_t kMergeSegments = 64;
inline constexpr std::string_view kReplacedPrefix = "replaced-";
// A temporary that old was left by a crash.
inline constexpr std::int64_t kTemporaryKeptMs = 3'600'000;

// Replaces segments that follow one another by one that holds them all. The new one is durable
// before an old one goes. corrupt when one of them cannot be read: then nothing was changed.
base::Status merge_segments(ShippingFolder& folder, std::uint64_t generation,
                            const std::vector<FileName>& names);

// Removes segments and snapshots older than the `snapshots_kept` newest snapshots of `generation`,
// and replaced histories once there are that many. Files of other clusters and of later generations
// are never touched.
base::Status remove_unneeded(ShippingFolder& folder, std::uint64_t generation,
                             std::size_t snapshots_kept);

// Moves all that the folder holds of another history into FOLDER/replaced-GENERATION, where no
// follower looks, and where it can still be restored from. REQUIRES: folder.scan().
base::Status set_aside(ShippingFolder& folder, std::uint64_t generation);
// The highest GENERATION of those; 0 without any.
std::uint64_t newest_set_aside(const std::string& folder);
// Their paths, oldest first.
std::vector<std::string> replaced_histories(const std::string& folder);

// Removes temporaries that a crash left behind.
base::Status remove_stale_temporaries(const std::string& folder);

// Removes every file of the folder whose name begins so: a database in clear, with what SQLite and
// an unfinished backup leave beside it. Best effort: the next start tries again.
void remove_work_files(const std::string& folder, const std::string& prefix);

}  // namespace mlguard::replicator
