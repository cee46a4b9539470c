#include "pipeline/keyring.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mlguard::pipeline {
namespace {

base::Error invalid_keyring(const std::string& what) {
  return {base::ErrorCode::invalid_argument, "invalid_keyring", "the pipeline keys: " + what};
}

}  // namespace

base::Result<Keyring> Keyring::of(const std::vector<base::PipelineKey>& keys) {
  if (keys.size() > base::kPipelineKeysMax) {
    return invalid_keyring("more than " + std::to_string(base::kPipelineKeysMax));
  }
  Keyring ring;
  for (const base::PipelineKey& given : keys) {
    auto key = wire::Key::from_bytes(given.secret);
    if (!key.ok()) {
      return invalid_keyring("key " + std::to_string(given.id) + " has " +
                             std::to_string(given.secret.size()) + " bytes");
    }
    if (given.id == 0 || ring.find(given.id) != nullptr) {
      return invalid_keyring("the id " + std::to_string(given.id) + " is 0 or there twice");
    }
    ring.entries_.push_back({given.id, *key, given.active_from_ms, given.retires_at_ms});
  }
  std::sort(ring.entries_.begin(), ring.entries_.end(),
            [](const Entry& a, const Entry& b) { return a.id < b.id; });
  return ring;
}

const Keyring::Entry* Keyring::to_seal(std::int64_t now_ms) const {
  const Entry* newest = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.active_from_ms > now_ms || entry.is_retired(now_ms)) continue;
    if (newest == nullptr || entry.active_from_ms >= newest->active_from_ms) newest = &entry;
  }
  return newest;
}

const Keyring::Entry* Keyring::find(std::uint64_t id) const {
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [id](const Entry& entry) { return entry.id == id; });
  return at == entries_.end() ? nullptr : &*at;
}

}  // namespace mlguard::pipeline
