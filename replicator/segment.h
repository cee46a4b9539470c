// Segments and snapshots: what the sealed files in a shipping folder hold. A segment holds
// consecutive committed entries, a snapshot the whole database at one revision.
// Byte format: docs/segment-format.md. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "replicator/sealed_file.h"
#include "replicator/types.h"

namespace mlguard::replicator {

// A segment is closed at about a mebibyte; one entry alone may be larger.
inline constexpr std::size_t kSegmentCloseBytes = 1024 * 1024;
inline constexpr std::size_t kSegmentEntryBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kSegmentContentBytesMax =
    kSegmentEntryBytesMax + 2 * kSegmentCloseBytes;

struct Segment {
  FileHeader header;
  std::vector<Entry> entries;  // Never empty.
};

// The content of a segment. decode: corrupt / "bad_entry" for bytes that encode cannot have made.
void append_entry(const Entry& entry, std::string& content);
base::Result<std::vector<Entry>> decode_entries(std::string_view content);

// Every entry follows from the one before: revision by revision, no term lower than the last, each
// digest recomputed. corrupt / "segment_broken_chain", saying at which revision and why.
base::Status check_chain(const Position& before, const std::vector<Entry>& entries);

// Writes them as one segment; what its header says is returned. REQUIRES: not empty, and
// check_chain holds. Errors: of AtomicFile; too_large when they exceed kSegmentContentBytesMax.
base::Result<FileHeader> write_segment(const std::string& folder, const ShippingKey& key,
                                       std::uint64_t generation, const Position& before,
                                       const std::vector<Entry>& entries);
// Reads and checks all of it. Errors: of SealedFileReader; corrupt / "segment_wrong_term",
// "segment_broken_chain", "segment_damaged" when the content is not what the header promises.
base::Result<Segment> read_segment(const std::string& path, const ShippingKey& key);
// The same of a descriptor that is open already; `path` names it.
base::Result<Segment> read_segment(base::UniqueFd fd, const std::string& path,
                                   const ShippingKey& key);

// Seals a closed database file (a backup) as a snapshot.
base::Result<FileHeader> write_snapshot(const std::string& folder, const ShippingKey& key,
                                        std::uint64_t generation, const std::string& database);
// Writes the database that a snapshot holds into a new file (0600), which goes again on an error.
base::Result<FileHeader> unpack_snapshot(const std::string& path, const ShippingKey& key,
                                         const std::string& database);
// Reads all of a snapshot without keeping it.
base::Status check_snapshot(const std::string& path, const ShippingKey& key);

// Only the header, and whether the name fits it.
base::Result<FileHeader> read_header(const std::string& path, const ShippingKey& key);

}  // namespace mlguard::replicator
