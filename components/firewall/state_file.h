// StateFile: what this firewall last enforced, on disk, so that after a restart it goes on before
// it has reached any server.
//
// A file begins with a full set of rules and goes on with the differences that came after it; it is
// written anew when the differences have grown as large as the set. Each part has its length and
// its SHA-256, so that a part that was cut off by a crash is recognised: what stands before it
// counts. The bytes: docs/firewall.md.
//
// What was appended survives the death of this process at once, and that of the machine after
// sync(). One thread at a time, but sync() may run in another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::firewall {

inline constexpr std::size_t kStateBytesMax = 1ULL << 30;

// The bytes of a file without the file.
inline constexpr std::string_view kStateMagic = "mlguard-firewall-1\n";
struct StateContent {
  std::vector<base::RuleSet> sets;  // To apply in this order; up to what makes no sense.
  bool whole = false;               // Whether all of it does.
};
StateContent decode_state(std::string_view bytes);
// One part, to stand after kStateMagic and other parts.
std::string encode_state_part(const base::RuleSet& set);

class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}

  struct Loaded {
    std::vector<base::RuleSet> sets;  // To apply in this order; empty: nothing is known.
    std::string problem;  // What was wrong with the file, and where it is now; or empty.
  };
  // A damaged file is set aside as PATH.damaged, and what it says before the damage is loaded.
  // Error: the file is there and cannot be read.
  base::Result<Loaded> load();

  // Writes everything anew, durably: temporary, fsync, rename.
  base::Status write(const base::RuleSet& all);
  // Adds a difference, or what replaces everything. REQUIRES: write() was called, or load() found
  // the file whole (can_append).
  base::Status append(const base::RuleSet& set);
  bool can_append() const { return fd_.valid(); }
  bool wants_rewriting() const { return appended_bytes_ > written_bytes_ + kSlackBytes; }
  base::Status sync();

 private:
  static constexpr std::size_t kSlackBytes = 1 << 20;

  const std::string path_;
  base::UniqueFd fd_;  // For append().
  std::size_t written_bytes_ = 0;
  std::size_t appended_bytes_ = 0;
};

}  // namespace mlguard::firewall
