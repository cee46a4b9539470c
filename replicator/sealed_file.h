// Sealed files: the container of everything that is shipped to a folder. A header in clear, then
// the content in numbered chunks, each LZ4-compressed where that helps and sealed with the
// cluster's segment key. Byte format and its reasons: docs/segment-format.md.
//
// Whatever reads one names what is wrong with it, in Errors of code corrupt unless said otherwise:
//   not_a_segment     another kind of file, or nothing yet
//   other_cluster     (conflict) sealed by another cluster
//   format_too_new    (unsupported) written by a later release
//   segment_renamed   the name is not the one that the header gives it
//   segment_truncated it ends before its last chunk does
//   segment_reordered a chunk stands where another belongs
//   segment_damaged   any other change, a flipped bit for example
//
// Writers and readers belong to one thread; they own their file descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "replicator/types.h"
#include "wire/credentials.h"
#include "wire/file_seal.h"

namespace mlguard::replicator {

inline constexpr std::uint64_t kSealedFileVersion = 1;
inline constexpr std::size_t kSealedHeaderBytes = 152;
inline constexpr std::size_t kChunkHeadBytes = 33;
inline constexpr std::size_t kChunkBytesMax = 256 * 1024;  // before compression

enum class FileKind { segment, snapshot };

// What the header says. `first` equals `last` in a snapshot, and `before` is all zero there.
struct FileHeader {
  FileKind kind = FileKind::segment;
  std::string cluster_id;        // 16 hex characters
  std::uint64_t generation = 0;  // docs/segment-format.md, "Generations"
  Revision first = 0;
  Revision last = 0;
  Term term = 0;             // Of the entry at `last`.
  std::int64_t time_ms = 0;  // When that entry was written; 0: not known.
  Digest before{};           // Of the history up to `first` - 1.
  Digest after{};            // Of the history up to `last`.
  std::string salt;
};
// The position that whoever holds this file's content is at.
Position end_of(const FileHeader& header);

// FIRST-LAST-TERM.seg or REVISION-TERM.snap, with zeros in front so that `ls` sorts them.
struct FileName {
  FileKind kind = FileKind::segment;
  Revision first = 0;
  Revision last = 0;
  Term term = 0;

  std::string text() const;
  // nullopt for every other name, those of temporaries included.
  static std::optional<FileName> parse(std::string_view text);
};
bool operator==(const FileName& a, const FileName& b);
FileName name_of(const FileHeader& header);

// What seals, and whose it is.
struct ShippingKey {
  wire::Key key;
  std::string cluster_id;
  static ShippingKey of(const wire::ClusterKey& cluster);
};

// Writes one file, which appears in its folder once it is whole and durable.
class SealedFileWriter {
 public:
  // The key gives the cluster id, and the salt is drawn here. Errors: of AtomicFile.
  static base::Result<SealedFileWriter> create(const std::string& folder, FileHeader header,
                                               const ShippingKey& key);

  base::Status append(std::string_view bytes);
  base::Status publish();
  const std::string& path() const { return path_; }

 private:
  SealedFileWriter(std::string path, base::AtomicFile file, std::string header,
                   const wire::FileSeal& seal);
  enum class Place { inside, last };
  base::Status write_chunk(std::string_view plain, Place place);

  std::string path_;
  base::AtomicFile file_;
  std::string header_;  // As it stands in the file: associated data of every chunk.
  wire::FileSeal seal_;
  std::string pending_;  // At most one chunk.
  std::uint64_t chunks_ = 0;
};

// Reads one file chunk by chunk: never holds more than one of them.
class SealedFileReader {
 public:
  // Checks the header and the name.
  static base::Result<SealedFileReader> open(const std::string& path, const ShippingKey& key);
  // The same of a descriptor that is open already; `path` names it.
  static base::Result<SealedFileReader> read(base::UniqueFd fd, const std::string& path,
                                             const ShippingKey& key);

  const FileHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  // The next authentic piece of the content; nullopt after the last.
  base::Result<std::optional<std::string>> next();

 private:
  SealedFileReader(base::UniqueFd fd, std::string path, FileHeader header, std::string header_bytes,
                   const wire::FileSeal& seal);
  base::Status check_end();

  base::UniqueFd fd_;
  std::string path_;
  FileHeader header_;
  std::string header_bytes_;
  wire::FileSeal seal_;
  std::uint64_t chunks_ = 0;
  bool finished_ = false;
};

}  // namespace mlguard::replicator
