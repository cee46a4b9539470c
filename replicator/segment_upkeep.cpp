#include "replicator/segment_upkeep.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <system_error>

#include "base/files.h"

namespace mlguard::replicator {

namespace {

namespace fs = std::filesystem;

using base::Status;

constexpr mode_t kFolderMode = 0700;

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

// "replaced-3" → 3; 0 for every other name.
std::uint64_t replaced_generation(const std::string& name) {
  if (!name.starts_with(kReplacedPrefix)) return 0;
  const std::string_view digits = std::string_view(name).substr(kReplacedPrefix.size());
  std::uint64_t generation = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), generation);
  return error == std::errc() && end == digits.data() + digits.size() ? generation : 0;
}

// By generation.
std::map<std::uint64_t, std::string> replaced_by_generation(const std::string& folder) {
  std::map<std::uint64_t, std::string> found;
  (void)for_each_file(folder, [&found](const fs::directory_entry& entry) {
    const std::uint64_t generation = replaced_generation(entry.path().filename().string());
    if (generation > 0) found[generation] = entry.path().string();
  });
  return found;
}

// Only files of ours go; a folder that holds something else stays.
Status remove_replaced(const std::string& folder) {
  for (const std::string& path : replaced_histories(folder)) {
    Status removed;
    const Status listed = for_each_file(path, [&removed](const fs::directory_entry& file) {
      if (!removed.ok() || !FileName::parse(file.path().filename().string())) return;
      removed = remove_file(file.path().string());
    });
    if (!listed.ok()) return listed;
    if (!removed.ok()) return removed;
    ::rmdir(path.c_str());
  }
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
    if (name.last <= oldest && may_remove(folder, name, generation)) unneeded.push_back(name);
  }
  for (const FileName& name : folder.snapshots()) {
    if (name.last < oldest && may_remove(folder, name, generation)) unneeded.push_back(name);
  }
  if (Status removed = remove_files(folder, unneeded); !removed.ok()) return removed;
  return remove_replaced(folder.path());
}

Status set_aside(ShippingFolder& folder, std::uint64_t generation) {
  if (folder.empty()) return {};
  const std::string aside =
      folder.path() + "/" + std::string(kReplacedPrefix) + std::to_string(generation);
  if (Status made = base::make_folders(aside, kFolderMode); !made.ok()) return made;
  // The latest first: what a crash leaves behind is then the beginning of that history, which the
  // next start either goes on from or moves, too.
  for (const auto* names : {&folder.snapshots(), &folder.segments()}) {
    for (auto name = names->rbegin(); name != names->rend(); ++name) {
      const std::string from = folder.path_of(*name);
      if (::rename(from.c_str(), (aside + "/" + name->text()).c_str()) != 0 && errno != ENOENT) {
        return base::errno_error("could not move aside", from, errno);
      }
    }
  }
  if (Status synced = base::sync_folder(aside); !synced.ok()) return synced;
  if (Status synced = base::sync_folder(folder.path()); !synced.ok()) return synced;
  return folder.scan();
}

std::uint64_t newest_set_aside(const std::string& folder) {
  const auto found = replaced_by_generation(folder);
  return found.empty() ? 0 : found.rbegin()->first;
}

std::vector<std::string> replaced_histories(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& [generation, path] : replaced_by_generation(folder)) paths.push_back(path);
  return paths;
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
