#include "replicator/segment_upkeep.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <system_error>

#include "base/files.h"

namespace mlguard::replicator {

namespace {

namespace fs = std::filesystem;

using base::Status;

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return base::errno_error("could not remove", path, errno);
}

Status remove_files(ShippingFolder& folder, const std::vector<FileName>& names) {
  for (const FileName& name : names) {
    if (Status removed = remove_file(folder.path_of(name)); !removed.ok()) return removed;
  }
  return names.empty() ? Status() : base::sync_folder(folder.path());
}

// Ours to remove: of this cluster, or too damaged to tell, and not of a later generation.
bool may_remove(ShippingFolder& folder, const FileName& name, std::uint64_t generation) {
  const auto header = folder.header(name);
  if (header.ok()) return header->generation <= generation;
  return header.error().code == base::ErrorCode::corrupt;
}

bool is_of_older(ShippingFolder& folder, const FileName& name, std::uint64_t generation) {
  const auto header = folder.header(name);
  return header.ok() && header->generation < generation;
}

Status for_each_file(const std::string& folder,
                     const std::function<void(const fs::directory_entry&)>& visit) {
  std::error_code problem;
  for (auto entry = fs::directory_iterator(folder, problem);
       !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    visit(*entry);
  }
  if (problem) return base::errno_error("could not read the folder", folder, problem.value());
  return {};
}

}  // namespace

Status merge_segments(ShippingFolder& folder, std::uint64_t generation,
                      const std::vector<FileName>& names) {
  assert(!names.empty());
  std::vector<Entry> entries;
  Position before;
  for (const FileName& name : names) {
    auto segment = folder.segment(name);
    if (!segment.ok()) return segment.error();
    if (entries.empty()) before = {name.first - 1, 0, segment->header.before};
    std::move(segment->entries.begin(), segment->entries.end(), std::back_inserter(entries));
  }
  // Holds unless somebody replaced a file: then nothing is thrown away.
  if (Status chained = check_chain(before, entries); !chained.ok()) return chained;
  const auto written = write_segment(folder.path(), folder.key(), generation, before, entries);
  if (!written.ok()) return written.error();
  return remove_files(folder, names);
}

Status remove_unneeded(ShippingFolder& folder, std::uint64_t generation,
                       std::size_t snapshots_kept) {
  if (Status scanned = folder.scan(); !scanned.ok()) return scanned;
  const std::size_t kept = std::max(snapshots_kept, kSnapshotsKeptMin);
  const std::vector<FileHeader> snapshots = folder.snapshots_of(generation);
  if (snapshots.size() < kept) return {};
  const Revision oldest = snapshots[kept - 1].last;
  std::vector<FileName> unneeded;
  for (const FileName& name : folder.segments()) {
    const bool old = name.last <= oldest || is_of_older(folder, name, generation);
    if (old && may_remove(folder, name, generation)) unneeded.push_back(name);
  }
  for (const FileName& name : folder.snapshots()) {
    const bool old = name.last < oldest || is_of_older(folder, name, generation);
    if (old && may_remove(folder, name, generation)) unneeded.push_back(name);
  }
  return remove_files(folder, unneeded);
}

Status remove_stale_temporaries(const std::string& folder) {
  const auto oldest =
      fs::file_time_type::clock::now() - std::chrono::milliseconds(kTemporaryKeptMs);
  Status removed;
  const Status listed = for_each_file(folder, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const std::size_t mark = name.find(base::kTemporaryMark);
    if (mark == std::string::npos || !FileName::parse(name.substr(0, mark))) return;
    std::error_code gone;
    const fs::file_time_type written = entry.last_write_time(gone);
    if (!gone && written <= oldest && removed.ok()) removed = remove_file(entry.path().string());
  });
  return listed.ok() ? removed : listed;
}

void remove_work_files(const std::string& folder, const std::string& prefix) {
  (void)for_each_file(folder, [&prefix](const fs::directory_entry& entry) {
    if (entry.path().filename().string().starts_with(prefix)) {
      (void)remove_file(entry.path().string());
    }
  });
}

}  // namespace mlguard::replicator
