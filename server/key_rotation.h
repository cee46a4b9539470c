// KeyRotation: the leader makes the first pipeline key and announces the next one in time. What it
// does goes through the ordinary write path under a condition on the newest key, so that two
// leaders, or one that asks twice, announce one key and not two.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "db/engine.h"
#include "wire/credentials.h"

namespace mlguard::server {

// Of the configuration "global": pipeline.key_period_s and pipeline.key_grace_s. What is missing
// there, or no whole number in these ranges, is the default: a typing mistake must not stop the
// rotation. A grace longer than a third of the period counts as that.
inline constexpr std::int64_t kKeyPeriodSecondsMin = 10;
inline constexpr std::int64_t kKeyPeriodSecondsMax = 366LL * 24 * 3'600;
inline constexpr std::int64_t kKeyPeriodSecondsDefault = 24LL * 3'600;
inline constexpr std::int64_t kKeyGraceSecondsMin = 1;
inline constexpr std::int64_t kKeyGraceSecondsMax = 24LL * 3'600;
inline constexpr std::int64_t kKeyGraceSecondsDefault = 600;

struct KeyRotationSettings {
  std::int64_t period_ms = kKeyPeriodSecondsDefault * 1'000;  // from one key to the next
  // How long before it is active a key is announced, and how long the one before is still taken.
  std::int64_t grace_ms = kKeyGraceSecondsDefault * 1'000;
};
KeyRotationSettings key_rotation_settings(std::string_view global_document);
base::Result<KeyRotationSettings> key_rotation_settings(db::Reader& reader);

// A fresh key to follow the newest one.
base::Result<db::AnnouncePipelineKey> next_pipeline_key(db::Reader& reader,
                                                        const wire::ClusterKey& cluster);

class KeyRotation {
 public:
  KeyRotation(db::Engine& engine, const wire::ClusterKey& cluster, const base::Clock& clock)
      : engine_(engine), cluster_(cluster), clock_(clock) {}

  // Announces a key when one is due and this instance leads; call it once a second.
  void tick();

 private:
  base::Result<bool> is_due(db::Reader& reader) const;
  void announce(db::AnnouncePipelineKey next);

  db::Engine& engine_;
  const wire::ClusterKey& cluster_;
  const base::Clock& clock_;
  std::mutex mutex_;
  bool writing_ = false;  // Guarded by mutex_: a write is under way.
};

}  // namespace mlguard::server
