// ShippingFolder: what a folder of shipped files holds, and which of it continues a given history.
// It remembers headers and refusals by file, so that a poll reads only what is new, and reads a
// refused file again once it was changed or replaced.
//
// Belongs to one thread. Whoever writes the folder may do so at any time: a file may be gone when
// it is opened (not_found), then scan() again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicator/segment.h"

namespace mlguard::replicator {

inline constexpr std::size_t kShippedFilesMax = 200'000;  // looked at in one folder

class ShippingFolder {
 public:
  ShippingFolder(std::string path, const ShippingKey& key) : path_(std::move(path)), key_(key) {}

  // Looks again. not_found / "no_folder"; too_large; io. Other files than ours are ignored.
  base::Status scan();
  // By (first, last); by revision.
  const std::vector<FileName>& segments() const { return segments_; }
  const std::vector<FileName>& snapshots() const { return snapshots_; }
  bool empty() const { return segments_.empty() && snapshots_.empty(); }

  const std::string& path() const { return path_; }
  const ShippingKey& key() const { return key_; }
  std::string path_of(const FileName& name) const { return path_ + "/" + name.text(); }
  // 0 when it cannot be said.
  std::uint64_t bytes_of(const FileName& name) const;

  // Errors: of read_header and read_segment.
  base::Result<FileHeader> header(const FileName& name);
  base::Result<Segment> segment(const FileName& name);
  // unpack_snapshot into `database`, or only check_snapshot when that is empty.
  base::Result<FileHeader> snapshot(const FileName& name, const std::string& database);

  // The highest among the snapshots whose headers can be read; 0 without any.
  std::uint64_t newest_generation();
  // Those of one generation, newest first.
  std::vector<FileHeader> snapshots_of(std::uint64_t generation);

 private:
  // Changes with whatever is done to a file, however it keeps its size and times.
  struct Fingerprint {
    ino_t inode = 0;
    off_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
  };
  struct Known {
    Fingerprint fingerprint;
    std::optional<FileHeader> header;
    std::optional<base::Error> refusal;
  };

  base::Result<Fingerprint> fingerprint_of(const std::string& path) const;
  // What is known of the file as it is now; a new entry when it changed.
  base::Result<Known*> known(const FileName& name);
  static void learn(Known& known, const base::Error& error);

  std::string path_;
  ShippingKey key_;
  std::vector<FileName> segments_;
  std::vector<FileName> snapshots_;
  std::map<std::string, Known> known_;
};

// Which generations count.
struct Generations {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  bool holds(std::uint64_t generation) const { return generation >= min && generation <= max; }
};

struct Continuation {
  std::optional<Segment> segment;     // Only its entries after the position asked for.
  bool parted = false;                // A sound file has another history at that revision.
  bool stale = false;                 // A file was gone: scan() again.
  std::vector<base::Error> problems;  // Of files that might have been the one.
};
// The segment that goes on from `at`, the longest if there are several.
Continuation continue_from(ShippingFolder& folder, const Position& at, Generations generations);

// not_found / "segment_missing" when there are segments later than the one that would go on from
// `revision`; nullopt when nothing is missing.
std::optional<base::Error> gap_after(ShippingFolder& folder, Revision revision,
                                     Generations generations);

}  // namespace mlguard::replicator
