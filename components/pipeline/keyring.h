// Keyring: the pipeline keys of a moment, as the control plane gives them out. Senders seal with
// the newest active one; receivers take every one that is not retired, also before it becomes
// active, because the other side's clock may be ahead.
//
// Immutable; safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "wire/channel.h"

namespace mlguard::pipeline {

class Keyring {
 public:
  struct Entry {
    std::uint64_t id = 0;
    wire::Key key;
    std::int64_t active_from_ms = 0;
    std::int64_t retires_at_ms = 0;

    bool is_retired(std::int64_t now_ms) const {
      return retires_at_ms != 0 && now_ms >= retires_at_ms;
    }
  };

  // No keys: nothing is sealed, nothing opens.
  Keyring() = default;
  // invalid_argument / "invalid_keyring": a key of another length, an id twice or 0, or more than
  // base::kPipelineKeysMax.
  static base::Result<Keyring> of(const std::vector<base::PipelineKey>& keys);

  // The newest key that is active and not retired; nullptr: none. By the caller's clock.
  const Entry* to_seal(std::int64_t now_ms) const;
  // nullptr: not in the ring.
  const Entry* find(std::uint64_t id) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;  // by id
};

}  // namespace mlguard::pipeline
