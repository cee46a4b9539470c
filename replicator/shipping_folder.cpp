#include "replicator/shipping_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <tuple>

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

bool sorts_first(const FileName& a, const FileName& b) {
  return std::tie(a.first, a.last, a.term) < std::tie(b.first, b.last, b.term);
}

struct FolderCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

Error cannot_open(const std::string& path, int errno_value) {
  if (errno_value != ENOENT)
    return base::errno_error("could not open the folder", path, errno_value);
  return {ErrorCode::not_found, "no_folder",
          "there is no folder " + path + "; mount it or make it: it is looked for again by itself"};
}

Error wrong_term(const ShippingFolder& folder, const Segment& segment, const Position& at) {
  return {ErrorCode::corrupt, "segment_wrong_term",
          folder.path_of(name_of(segment.header)) + " goes on with term " +
              std::to_string(segment.entries.front().term) + ", but revision " +
              std::to_string(at.revision) + " is of term " + std::to_string(at.term) +
              " already; remove it"};
}

}  // namespace

Status ShippingFolder::scan() {
  const std::unique_ptr<DIR, FolderCloser> folder(::opendir(path_.c_str()));
  if (!folder) return cannot_open(path_, errno);
  std::vector<FileName> segments;
  std::vector<FileName> snapshots;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::optional<FileName> name = FileName::parse(entry->d_name);
    if (!name) continue;
    if (segments.size() + snapshots.size() == kShippedFilesMax) {
      return Error{ErrorCode::too_large, "too_many_files",
                   path_ + " holds more than " + std::to_string(kShippedFilesMax) +
                       " shipped files; move the oldest away"};
    }
    (name->kind == FileKind::segment ? segments : snapshots).push_back(*name);
  }
  if (errno != 0) return base::errno_error("could not read the folder", path_, errno);
  std::sort(segments.begin(), segments.end(), sorts_first);
  std::sort(snapshots.begin(), snapshots.end(), sorts_first);
  segments_ = std::move(segments);
  snapshots_ = std::move(snapshots);
  const auto is_listed = [](const std::vector<FileName>& names, const std::string& text) {
    const auto name = FileName::parse(text);
    return name && std::binary_search(names.begin(), names.end(), *name, sorts_first);
  };
  std::erase_if(known_, [&](const auto& item) {
    return !is_listed(item.first.ends_with("p") ? snapshots_ : segments_, item.first);
  });
  return {};
}

std::uint64_t ShippingFolder::bytes_of(const FileName& name) const {
  const auto fingerprint = fingerprint_of(path_of(name));
  return fingerprint.ok() ? static_cast<std::uint64_t>(fingerprint->bytes) : 0;
}

Result<ShippingFolder::Fingerprint> ShippingFolder::fingerprint_of(const std::string& path) const {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return base::errno_error("could not open", path, errno);
  return Fingerprint{info.st_ino, info.st_size, nanoseconds(info.st_mtim),
                     nanoseconds(info.st_ctim)};
}

Result<ShippingFolder::Known*> ShippingFolder::known(const FileName& name) {
  const std::string text = name.text();
  const auto fingerprint = fingerprint_of(path_ + "/" + text);
  if (!fingerprint.ok()) return fingerprint.error();
  Known& known = known_[text];
  if (known.fingerprint != *fingerprint) known = Known{*fingerprint, {}, {}};
  return &known;
}

// Only what is in the file is remembered: a disk that cannot be read may be read later.
void ShippingFolder::learn(Known& known, const Error& error) {
  if (error.code == ErrorCode::corrupt || error.code == ErrorCode::conflict ||
      error.code == ErrorCode::unsupported) {
    known.refusal = error;
  }
}

Result<FileHeader> ShippingFolder::header(const FileName& name) {
  const auto known = this->known(name);
  if (!known.ok()) return known.error();
  Known& file = **known;
  if (file.refusal) return *file.refusal;
  if (file.header) return *file.header;
  Result<FileHeader> header = read_header(path_of(name), key_);
  if (header.ok()) {
    file.header = *header;
  } else {
    learn(file, header.error());
  }
  return header;
}

Result<Segment> ShippingFolder::segment(const FileName& name) {
  const auto known = this->known(name);
  if (!known.ok()) return known.error();
  if ((*known)->refusal) return *(*known)->refusal;
  Result<Segment> segment = read_segment(path_of(name), key_);
  if (!segment.ok()) learn(**known, segment.error());
  return segment;
}

Result<FileHeader> ShippingFolder::snapshot(const FileName& name, const std::string& database) {
  const auto known = this->known(name);
  if (!known.ok()) return known.error();
  if ((*known)->refusal) return *(*known)->refusal;
  if (!database.empty()) {
    Result<FileHeader> header = unpack_snapshot(path_of(name), key_, database);
    // A name that is taken says something about our own folder, not about the snapshot.
    if (!header.ok() && header.error().reason != "exists") learn(**known, header.error());
    return header;
  }
  if (Status checked = check_snapshot(path_of(name), key_); !checked.ok()) {
    learn(**known, checked.error());
    return checked.error();
  }
  return header(name);
}

std::uint64_t ShippingFolder::newest_generation() {
  std::uint64_t newest = 0;
  for (const FileName& name : snapshots_) {
    const auto found = header(name);
    if (found.ok()) newest = std::max(newest, found->generation);
  }
  return newest;
}

std::vector<FileHeader> ShippingFolder::snapshots_of(std::uint64_t generation) {
  std::vector<FileHeader> headers;
  for (auto name = snapshots_.rbegin(); name != snapshots_.rend(); ++name) {
    auto found = header(*name);
    if (found.ok() && found->generation == generation) headers.push_back(std::move(*found));
  }
  return headers;
}

Continuation continue_from(ShippingFolder& folder, const Position& at, Generations generations) {
  std::vector<FileName> candidates;
  for (const FileName& name : folder.segments()) {
    if (name.first > at.revision + 1) break;
    if (name.last > at.revision) candidates.push_back(name);
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const FileName& a, const FileName& b) { return a.last > b.last; });
  Continuation result;
  for (const FileName& name : candidates) {
    const auto header = folder.header(name);
    if (header.ok() && !generations.holds(header->generation)) continue;
    Result<Segment> segment = header.ok() ? folder.segment(name) : header.error();
    if (!segment.ok()) {
      const bool gone = segment.error().code == ErrorCode::not_found;
      result.stale = result.stale || gone;
      if (!gone) result.problems.push_back(segment.error());
      continue;
    }
    std::vector<Entry>& entries = segment->entries;
    const auto known_count = static_cast<std::ptrdiff_t>(at.revision + 1 - name.first);
    const Digest& here = known_count == 0
                             ? segment->header.before
                             : entries[static_cast<std::size_t>(known_count - 1)].digest;
    if (here != at.digest) {
      result.parted = true;
      continue;
    }
    entries.erase(entries.begin(), entries.begin() + known_count);
    if (entries.front().term < at.term) {
      result.problems.push_back(wrong_term(folder, *segment, at));
      continue;
    }
    result.segment = std::move(*segment);
    return result;
  }
  return result;
}

std::optional<Error> gap_after(ShippingFolder& folder, Revision revision, Generations generations) {
  for (const FileName& name : folder.segments()) {
    if (name.last <= revision) continue;
    const auto header = folder.header(name);
    // It is there, and refused for a reason of its own.
    if (!header.ok() && name.first <= revision + 1) return std::nullopt;
    if (!header.ok() || !generations.holds(header->generation)) continue;
    if (name.first <= revision + 1) return std::nullopt;
    return Error{ErrorCode::not_found, "segment_missing",
                 "the segment that begins with revision " + std::to_string(revision + 1) +
                     " is missing in " + folder.path() + ": the next there is " + name.text() +
                     "; copy it there again"};
  }
  return std::nullopt;
}

}  // namespace mlguard::replicator
