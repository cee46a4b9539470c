#include "replicator/segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <functional>

#include "base/bytes.h"
#include "base/files.h"
#include "db/adopt.h"
#include "db/digest.h"
#include "db/entry_codec.h"
#include "db/hybrid_clock.h"
#include "replicator/entry_bytes.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFileMode = 0600;

Error broken_chain(Revision revision, const std::string& why) {
  return {ErrorCode::corrupt, "segment_broken_chain",
          "entry " + std::to_string(revision) + " does not follow from the one before: " + why};
}

Error content_error(const std::string& path, const char* reason, const std::string& what) {
  return {ErrorCode::corrupt, reason,
          path + " opens, but " + what +
              "; remove it, and the instance that ships here goes on with a snapshot"};
}

std::int64_t time_of(const Entry& entry) {
  const auto decoded = db::decode_payload(entry.payload);
  return decoded.ok() ? db::hlc_wall_ms(decoded->hlc) : 0;
}

Result<std::string> read_content(SealedFileReader& reader) {
  std::string content;
  while (true) {
    Result<std::optional<std::string>> piece = reader.next();
    if (!piece.ok()) return piece.error();
    if (!*piece) return content;
    if (content.size() + (*piece)->size() > kSegmentContentBytesMax) {
      return content_error(reader.path(), "segment_damaged",
                           "it holds more than " + std::to_string(kSegmentContentBytesMax) +
                               " bytes, the most a segment may");
    }
    content += **piece;
  }
}

Status check_content(const Segment& segment, const std::string& path) {
  const FileHeader& header = segment.header;
  if (header.kind != FileKind::segment || segment.entries.empty() ||
      segment.entries.front().revision != header.first ||
      segment.entries.back().revision != header.last) {
    return content_error(path, "segment_damaged",
                         "it does not hold the entries that its name says");
  }
  if (segment.entries.back().term != header.term) {
    return content_error(path, "segment_wrong_term",
                         "its last entry is of term " +
                             std::to_string(segment.entries.back().term) + ", its name says " +
                             std::to_string(header.term));
  }
  const Status chained = check_chain({header.first - 1, 0, header.before}, segment.entries);
  if (!chained.ok()) {
    return content_error(path, chained.error().reason.c_str(), chained.error().message);
  }
  if (segment.entries.back().digest != header.after) {
    return content_error(path, "segment_broken_chain", "its header names another last digest");
  }
  return {};
}

Result<Segment> read_all(Result<SealedFileReader> reader) {
  if (!reader.ok()) return reader.error();
  Result<std::string> content = read_content(*reader);
  if (!content.ok()) return content.error();
  Result<std::vector<Entry>> entries = decode_entries(*content);
  if (!entries.ok()) {
    return content_error(reader->path(), entries.error().reason.c_str(), entries.error().message);
  }
  Segment segment{reader->header(), std::move(*entries)};
  if (Status checked = check_content(segment, reader->path()); !checked.ok()) {
    return checked.error();
  }
  return segment;
}

// Hands each piece of a snapshot to `take`.
Result<FileHeader> read_pieces(const std::string& path, const ShippingKey& key,
                               const std::function<Status(std::string_view)>& take) {
  Result<SealedFileReader> reader = SealedFileReader::open(path, key);
  if (!reader.ok()) return reader.error();
  if (reader->header().kind != FileKind::snapshot) {
    return content_error(path, "segment_damaged", "it is no snapshot");
  }
  while (true) {
    Result<std::optional<std::string>> piece = reader->next();
    if (!piece.ok()) return piece.error();
    if (!*piece) return reader->header();
    if (Status taken = take(**piece); !taken.ok()) return taken.error();
  }
}

Status append_file(SealedFileWriter& writer, const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return base::errno_error("could not open", path, errno);
  std::string piece(kChunkBytesMax, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errno_error("could not read", path, errno);
    if (got == 0) return {};
    const Status written =
        writer.append(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    if (!written.ok()) return written;
  }
}

}  // namespace

void append_entry(const Entry& entry, std::string& content) {
  base::ByteWriter out(content);
  put_entry(out, entry);
}

Result<std::vector<Entry>> decode_entries(std::string_view content) {
  base::ByteReader in(content);
  std::vector<Entry> entries;
  while (!in.at_end()) {
    Entry entry;
    if (!take_entry(in, entry)) {
      return Error{ErrorCode::corrupt, "bad_entry",
                   "its entries cannot be read: the one after revision " +
                       std::to_string(entries.empty() ? 0 : entries.back().revision) +
                       " is cut short or damaged"};
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status check_chain(const Position& before, const std::vector<Entry>& entries) {
  Position at = before;
  for (const Entry& entry : entries) {
    if (entry.revision != at.revision + 1) {
      return broken_chain(entry.revision,
                          "revision " + std::to_string(at.revision + 1) + " belongs here");
    }
    if (entry.term < at.term) {
      return broken_chain(entry.revision, "term " + std::to_string(entry.term) + " after term " +
                                              std::to_string(at.term));
    }
    const auto decoded = db::decode_payload(entry.payload);
    if (!decoded.ok()) return decoded.error();
    if (db::chain_digest(at.digest, entry.term, entry.revision, decoded->rows) != entry.digest) {
      return broken_chain(entry.revision, "its digest is another");
    }
    at = position_of(entry);
  }
  return {};
}

Result<FileHeader> write_segment(const std::string& folder, const ShippingKey& key,
                                 std::uint64_t generation, const Position& before,
                                 const std::vector<Entry>& entries) {
  assert(!entries.empty());
  FileHeader header;
  header.generation = generation;
  header.first = entries.front().revision;
  header.last = entries.back().revision;
  header.term = entries.back().term;
  header.time_ms = time_of(entries.back());
  header.before = before.digest;
  header.after = entries.back().digest;
  std::string content;
  for (const Entry& entry : entries) append_entry(entry, content);
  if (content.size() > kSegmentContentBytesMax) {
    return Error{ErrorCode::too_large, "entry_too_large",
                 "the entries up to revision " + std::to_string(header.last) + " have " +
                     std::to_string(content.size()) + " bytes, and a segment at most " +
                     std::to_string(kSegmentContentBytesMax) + "; please report this"};
  }
  Result<SealedFileWriter> writer = SealedFileWriter::create(folder, header, key);
  if (!writer.ok()) return writer.error();
  if (Status written = writer->append(content); !written.ok()) return written.error();
  if (Status published = writer->publish(); !published.ok()) return published.error();
  return header;
}

Result<Segment> read_segment(const std::string& path, const ShippingKey& key) {
  return read_all(SealedFileReader::open(path, key));
}

Result<Segment> read_segment(base::UniqueFd fd, const std::string& path, const ShippingKey& key) {
  return read_all(SealedFileReader::read(std::move(fd), path, key));
}

Result<FileHeader> write_snapshot(const std::string& folder, const ShippingKey& key,
                                  std::uint64_t generation, const std::string& database) {
  const auto facts = db::inspect_database(database);
  if (!facts.ok()) return facts.error();
  FileHeader header;
  header.kind = FileKind::snapshot;
  header.generation = generation;
  header.first = facts->revision;
  header.last = facts->revision;
  header.term = facts->term;
  header.time_ms = facts->time_ms;
  header.after = facts->digest;
  Result<SealedFileWriter> writer = SealedFileWriter::create(folder, header, key);
  if (!writer.ok()) return writer.error();
  if (Status written = append_file(*writer, database); !written.ok()) return written.error();
  if (Status published = writer->publish(); !published.ok()) return published.error();
  return header;
}

Result<FileHeader> unpack_snapshot(const std::string& path, const ShippingKey& key,
                                   const std::string& database) {
  Result<base::AtomicFile> file = base::AtomicFile::create(database, kFileMode);
  if (!file.ok()) return file.error();
  Result<FileHeader> header =
      read_pieces(path, key, [&file](std::string_view piece) { return file->append(piece); });
  if (!header.ok()) return header;
  if (Status published = file->publish_new(); !published.ok()) return published.error();
  const auto facts = db::inspect_database(database);
  if (facts.ok() && facts->revision == header->last && facts->term == header->term &&
      facts->digest == header->after) {
    return header;
  }
  ::unlink(database.c_str());
  if (!facts.ok()) return facts.error();
  return content_error(path, "segment_damaged", "its database is not of the revision it says");
}

Status check_snapshot(const std::string& path, const ShippingKey& key) {
  const Result<FileHeader> header =
      read_pieces(path, key, [](std::string_view /*piece*/) { return Status(); });
  if (!header.ok()) return header.error();
  return {};
}

Result<FileHeader> read_header(const std::string& path, const ShippingKey& key) {
  Result<SealedFileReader> reader = SealedFileReader::open(path, key);
  if (!reader.ok()) return reader.error();
  return reader->header();
}

}  // namespace mlguard::replicator
