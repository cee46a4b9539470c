#include "replicator/sealed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>

#include "base/bytes.h"
#include "base/ids.h"
#include "db/digest.h"
#include "wire/compression.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFileMode = 0600;
constexpr std::string_view kSegmentMagic = "mlg-seg\n";
constexpr std::string_view kSnapshotMagic = "mlg-snp\n";
constexpr std::string_view kSegmentSuffix = ".seg";
constexpr std::string_view kSnapshotSuffix = ".snap";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kClusterIdBytes = 8;
constexpr std::size_t kCheckBytes = 8;
constexpr std::size_t kRevisionDigits = 12;
constexpr std::size_t kTermDigits = 6;
constexpr std::size_t kNameCharsMax = 96;

// Finds accidents, before and without any key; the seal finds the rest.
std::string check_of(std::string_view bytes) {
  return std::string(db::digest_bytes(db::blake2b(bytes)).substr(0, kCheckBytes));
}

Error file_error(const char* reason, const std::string& path, const std::string& what) {
  return {ErrorCode::corrupt, reason,
          path + " " + what +
              "; copy it again from where it was shipped, and what reads it goes on by itself"};
}

Error damaged(const std::string& path, const std::string& what) {
  return file_error("segment_damaged", path, "is damaged (" + what + ")");
}

Error truncated(const std::string& path, const std::string& where) {
  return file_error("segment_truncated", path, "ends too early, " + where);
}

std::string encode_header(const FileHeader& header) {
  std::string bytes;
  base::ByteWriter out(bytes);
  out.raw(header.kind == FileKind::segment ? kSegmentMagic : kSnapshotMagic);
  out.fixed64(kSealedFileVersion);
  out.raw(base::from_hex(header.cluster_id).value());
  out.fixed64(header.generation);
  out.fixed64(header.first);
  out.fixed64(header.last);
  out.fixed64(header.term);
  out.fixed64(static_cast<std::uint64_t>(header.time_ms));
  out.raw(db::digest_bytes(header.before));
  out.raw(db::digest_bytes(header.after));
  out.raw(header.salt);
  out.raw(check_of(bytes));
  assert(bytes.size() == kSealedHeaderBytes);
  return bytes;
}

// REQUIRES: bytes.size() == kSealedHeaderBytes.
FileHeader decode_header(std::string_view bytes) {
  base::ByteReader in(bytes);
  FileHeader header;
  header.kind = *in.raw(kMagicBytes) == kSegmentMagic ? FileKind::segment : FileKind::snapshot;
  (void)in.fixed64();  // The version was looked at.
  header.cluster_id = base::to_hex(*in.raw(kClusterIdBytes));
  header.generation = *in.fixed64();
  header.first = *in.fixed64();
  header.last = *in.fixed64();
  header.term = *in.fixed64();
  header.time_ms = static_cast<std::int64_t>(*in.fixed64());
  header.before = db::digest_from_bytes(*in.raw(kDigestBytes));
  header.after = db::digest_from_bytes(*in.raw(kDigestBytes));
  header.salt = *in.raw(wire::kFileSaltBytes);
  return header;
}

Status check_header(std::string_view bytes, const std::string& path) {
  const std::string_view magic = bytes.substr(0, kMagicBytes);
  if (!kSegmentMagic.starts_with(magic) && !kSnapshotMagic.starts_with(magic)) {
    return file_error("not_a_segment", path, "is not a segment or snapshot of ml-guard");
  }
  if (bytes.size() < kSealedHeaderBytes) return truncated(path, "in its header");
  const std::size_t checked = kSealedHeaderBytes - kCheckBytes;
  if (check_of(bytes.substr(0, checked)) != bytes.substr(checked)) {
    return damaged(path, "in its header");
  }
  base::ByteReader in(bytes.substr(kMagicBytes));
  const std::uint64_t version = *in.fixed64();
  if (version == kSealedFileVersion) return {};
  return Error{ErrorCode::unsupported, "format_too_new",
               path + " is of format " + std::to_string(version) + ", this release knows " +
                   std::to_string(kSealedFileVersion) + "; update this instance"};
}

Status check_owner(const FileHeader& header, const std::string& path, const ShippingKey& key) {
  if (header.cluster_id != key.cluster_id) {
    return Error{ErrorCode::conflict, "other_cluster",
                 path + " belongs to the cluster " + header.cluster_id + ", this one is " +
                     key.cluster_id +
                     "; give each cluster a folder of its own, or name the right cluster key"};
  }
  const FileName name = name_of(header);
  if (path.substr(path.rfind('/') + 1) != name.text()) {
    return file_error("segment_renamed", path,
                      "was renamed: it is " + name.text() + "; give it that name back");
  }
  const bool spans =
      header.kind == FileKind::segment ? header.first <= header.last : header.first == header.last;
  if (header.first == 0 || !spans) return damaged(path, "its revisions make no sense");
  return {};
}

struct ChunkHead {
  std::uint64_t number = 0;
  std::uint64_t last = 0;  // 1 in the last chunk.
  std::uint64_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;  // Equal to plain_bytes: not compressed.
};

std::string encode_head(const ChunkHead& head) {
  std::string bytes;
  base::ByteWriter out(bytes);
  out.fixed64(head.number);
  out.byte(static_cast<std::uint8_t>(head.last));
  out.fixed64(head.plain_bytes);
  out.fixed64(head.stored_bytes);
  out.raw(check_of(bytes));
  assert(bytes.size() == kChunkHeadBytes);
  return bytes;
}

// nullopt: the bytes are not what encode_head makes.
std::optional<ChunkHead> decode_head(std::string_view bytes) {
  base::ByteReader in(bytes);
  ChunkHead head;
  head.number = *in.fixed64();
  head.last = *in.byte();
  head.plain_bytes = *in.fixed64();
  head.stored_bytes = *in.fixed64();
  const std::size_t checked = kChunkHeadBytes - kCheckBytes;
  if (check_of(bytes.substr(0, checked)) != bytes.substr(checked)) return std::nullopt;
  const bool fits = head.plain_bytes <= kChunkBytesMax &&
                    (head.stored_bytes == head.plain_bytes ||
                     wire::is_possible_compression(head.stored_bytes, head.plain_bytes));
  if (head.last > 1 || !fits) return std::nullopt;
  return head;
}

// Up to `bytes`, fewer only at the end of the file.
Result<std::string> read_up_to(int fd, std::size_t bytes, const std::string& path) {
  std::string content(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const ssize_t got = ::read(fd, content.data() + filled, bytes - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errno_error("could not read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

std::string padded(std::uint64_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::optional<std::uint64_t> take_number(std::string_view& text, char end) {
  const std::size_t length = std::min(text.find(end), text.size());
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + length, number);
  if (error != std::errc() || stop != text.data() + length) return std::nullopt;
  text.remove_prefix(std::min(length + 1, text.size()));
  return number;
}

}  // namespace

Position end_of(const FileHeader& header) { return {header.last, header.term, header.after}; }

// ---- Names ---------------------------------------------------------------------------------

std::string FileName::text() const {
  const std::string end = padded(last, kRevisionDigits) + "-" + padded(term, kTermDigits);
  if (kind == FileKind::snapshot) return end + std::string(kSnapshotSuffix);
  return padded(first, kRevisionDigits) + "-" + end + std::string(kSegmentSuffix);
}

std::optional<FileName> FileName::parse(std::string_view text) {
  const std::string_view whole = text;
  if (whole.size() > kNameCharsMax) return std::nullopt;
  FileName name;
  if (whole.ends_with(kSnapshotSuffix)) {
    name.kind = FileKind::snapshot;
    text.remove_suffix(kSnapshotSuffix.size());
  } else if (whole.ends_with(kSegmentSuffix)) {
    text.remove_suffix(kSegmentSuffix.size());
  } else {
    return std::nullopt;
  }
  const auto first = take_number(text, '-');
  const auto last = name.kind == FileKind::segment ? take_number(text, '-') : first;
  const auto term = take_number(text, '-');
  if (!first || !last || !term) return std::nullopt;
  name.first = *first;
  name.last = *last;
  name.term = *term;
  // Only one spelling counts.
  if (name.text() != whole) return std::nullopt;
  return name;
}

bool operator==(const FileName& a, const FileName& b) {
  return a.kind == b.kind && a.first == b.first && a.last == b.last && a.term == b.term;
}

FileName name_of(const FileHeader& header) {
  return {header.kind, header.first, header.last, header.term};
}

ShippingKey ShippingKey::of(const wire::ClusterKey& cluster) {
  return {cluster.segment_key(), cluster.cluster_id()};
}

// ---- Writing -------------------------------------------------------------------------------

SealedFileWriter::SealedFileWriter(std::string path, base::AtomicFile file, std::string header,
                                   const wire::FileSeal& seal)
    : path_(std::move(path)), file_(std::move(file)), header_(std::move(header)), seal_(seal) {}

Result<SealedFileWriter> SealedFileWriter::create(const std::string& folder, FileHeader header,
                                                  const ShippingKey& key) {
  header.cluster_id = key.cluster_id;
  header.salt = wire::FileSeal::random_salt();
  const std::string path = folder + "/" + name_of(header).text();
  Result<base::AtomicFile> file = base::AtomicFile::create(path, kFileMode);
  if (!file.ok()) return file.error();
  const std::string bytes = encode_header(header);
  if (Status written = file->append(bytes); !written.ok()) return written.error();
  return SealedFileWriter(path, std::move(*file), bytes, wire::FileSeal(key.key, header.salt));
}

Status SealedFileWriter::append(std::string_view bytes) {
  while (!bytes.empty()) {
    // A full chunk is written only when more follows: the last one has to know that it is.
    if (pending_.size() == kChunkBytesMax) {
      if (Status written = write_chunk(pending_, Place::inside); !written.ok()) return written;
      pending_.clear();
    }
    const std::size_t part = std::min(bytes.size(), kChunkBytesMax - pending_.size());
    pending_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
  }
  return {};
}

Status SealedFileWriter::write_chunk(std::string_view plain, Place place) {
  std::string compressed;
  const bool smaller = wire::append_compressed(plain, compressed);
  const std::string_view stored = smaller ? std::string_view(compressed) : plain;
  ChunkHead head{chunks_, place == Place::last ? 1U : 0U, plain.size(), stored.size()};
  const std::string head_bytes = encode_head(head);
  const std::string sealed = seal_.seal(chunks_, header_ + head_bytes, stored);
  ++chunks_;
  if (Status written = file_.append(head_bytes); !written.ok()) return written;
  return file_.append(sealed);
}

Status SealedFileWriter::publish() {
  if (Status written = write_chunk(pending_, Place::last); !written.ok()) return written;
  return file_.replace();
}

// ---- Reading -------------------------------------------------------------------------------

SealedFileReader::SealedFileReader(base::UniqueFd fd, std::string path, FileHeader header,
                                   std::string header_bytes, const wire::FileSeal& seal)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      header_(std::move(header)),
      header_bytes_(std::move(header_bytes)),
      seal_(seal) {}

Result<SealedFileReader> SealedFileReader::open(const std::string& path, const ShippingKey& key) {
  // Whoever puts a pipe here must not make us wait.
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return base::errno_error("could not open", path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return file_error("not_a_segment", path, "is not a file");
  }
  return read(std::move(fd), path, key);
}

Result<SealedFileReader> SealedFileReader::read(base::UniqueFd fd, const std::string& path,
                                                const ShippingKey& key) {
  Result<std::string> bytes = read_up_to(fd.get(), kSealedHeaderBytes, path);
  if (!bytes.ok()) return bytes.error();
  if (Status checked = check_header(*bytes, path); !checked.ok()) return checked.error();
  FileHeader header = decode_header(*bytes);
  if (Status checked = check_owner(header, path, key); !checked.ok()) return checked.error();
  const wire::FileSeal seal(key.key, header.salt);
  return SealedFileReader(std::move(fd), path, std::move(header), std::move(*bytes), seal);
}

Result<std::optional<std::string>> SealedFileReader::next() {
  if (finished_) return std::optional<std::string>();
  const std::string where = "in chunk " + std::to_string(chunks_);
  Result<std::string> head_bytes = read_up_to(fd_.get(), kChunkHeadBytes, path_);
  if (!head_bytes.ok()) return head_bytes.error();
  if (head_bytes->size() < kChunkHeadBytes) return truncated(path_, where);
  const std::optional<ChunkHead> head = decode_head(*head_bytes);
  if (!head) return damaged(path_, "at the head of chunk " + std::to_string(chunks_));
  if (head->number != chunks_) {
    return file_error("segment_reordered", path_,
                      "has its chunk " + std::to_string(head->number) + " where chunk " +
                          std::to_string(chunks_) + " belongs");
  }
  const std::size_t sealed_bytes = head->stored_bytes + wire::kTagBytes;
  Result<std::string> sealed = read_up_to(fd_.get(), sealed_bytes, path_);
  if (!sealed.ok()) return sealed.error();
  if (sealed->size() < sealed_bytes) return truncated(path_, where);
  std::optional<std::string> plain = seal_.open(chunks_, header_bytes_ + *head_bytes, *sealed);
  if (plain && head->stored_bytes != head->plain_bytes) {
    plain = wire::decompress(*plain, head->plain_bytes);
  }
  if (!plain) return damaged(path_, where);
  ++chunks_;
  if (head->last == 1) {
    if (Status ended = check_end(); !ended.ok()) return ended.error();
  }
  return plain;
}

Status SealedFileReader::check_end() {
  finished_ = true;
  Result<std::string> more = read_up_to(fd_.get(), 1, path_);
  if (!more.ok()) return more.error();
  if (!more->empty()) return damaged(path_, "more follows after its last chunk");
  return {};
}

}  // namespace mlguard::replicator
