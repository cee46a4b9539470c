#include "server/key_rotation.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/logging.h"

namespace mlguard::server {

namespace {

using base::ErrorCode;
using base::Result;

constexpr std::int64_t kSecondMs = 1'000;

std::int64_t seconds_of(const nlohmann::json& pipeline, const char* name, std::int64_t min,
                        std::int64_t max, std::int64_t otherwise) {
  const auto found = pipeline.find(name);
  if (found == pipeline.end() || !found->is_number_integer()) return otherwise;
  const auto value = found->get<std::int64_t>();
  return value >= min && value <= max ? value : otherwise;
}

// Others were faster, or nobody leads just now: it is tried again at the next tick.
bool is_no_news(const base::Error& error) {
  return error.code == ErrorCode::conflict || error.code == ErrorCode::unavailable ||
         error.code == ErrorCode::timeout;
}

}  // namespace

KeyRotationSettings key_rotation_settings(std::string_view global_document) {
  const auto document = nlohmann::json::parse(global_document, nullptr, false);
  KeyRotationSettings settings;
  const auto pipeline = document.is_object() ? document.find("pipeline") : document.end();
  if (pipeline == document.end() || !pipeline->is_object()) return settings;
  settings.period_ms = seconds_of(*pipeline, "key_period_s", kKeyPeriodSecondsMin,
                                  kKeyPeriodSecondsMax, kKeyPeriodSecondsDefault) *
                       kSecondMs;
  settings.grace_ms = seconds_of(*pipeline, "key_grace_s", kKeyGraceSecondsMin, kKeyGraceSecondsMax,
                                 kKeyGraceSecondsDefault) *
                      kSecondMs;
  settings.grace_ms = std::min(settings.grace_ms, settings.period_ms / 3);
  return settings;
}

Result<KeyRotationSettings> key_rotation_settings(db::Reader& reader) {
  Result<base::ConfigVersion> global = reader.config(base::kGlobalComponent);
  if (global) return key_rotation_settings(std::string_view(global->document));
  if (global.error().code == ErrorCode::not_found) return KeyRotationSettings{};
  return global.error();
}

Result<db::AnnouncePipelineKey> next_pipeline_key(db::Reader& reader,
                                                  const wire::ClusterKey& cluster) {
  Result<KeyRotationSettings> settings = key_rotation_settings(reader);
  if (!settings) return settings.error();
  Result<std::vector<db::StoredPipelineKey>> keys = reader.pipeline_keys();
  if (!keys) return keys.error();
  db::AnnouncePipelineKey next;
  next.expected_version = keys->empty() ? 0 : keys->back().key.id;
  next.grace_ms = settings->grace_ms;
  // 32 random bytes; that they make a secret key is beside the point.
  next.sealed_secret =
      cluster.seal_pipeline_key(*next.expected_version + 1, wire::KeyPair::generate().secret);
  return next;
}

void KeyRotation::tick() {
  if (engine_.ticket().term == 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (writing_) return;
  }
  Result<std::unique_ptr<db::Reader>> reader = engine_.read();
  if (!reader) return;
  Result<bool> due = is_due(**reader);
  if (!due || !*due) return;
  Result<db::AnnouncePipelineKey> next = next_pipeline_key(**reader, cluster_);
  reader->reset();
  if (next) announce(std::move(*next));
}

Result<bool> KeyRotation::is_due(db::Reader& reader) const {
  Result<std::vector<db::StoredPipelineKey>> keys = reader.pipeline_keys();
  if (!keys) return keys.error();
  if (keys->empty()) return true;
  Result<KeyRotationSettings> settings = key_rotation_settings(reader);
  if (!settings) return settings.error();
  const base::PipelineKey& newest = keys->back().key;
  // So that the next one is active one period after this one.
  return clock_.wall_ms() >= newest.active_from_ms + settings->period_ms - settings->grace_ms;
}

void KeyRotation::announce(db::AnnouncePipelineKey next) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = true;
  }
  db::Write write;
  write.command = std::move(next);
  write.author = "server";
  engine_.transact(std::move(write), [this](const Result<db::WriteResult>& result) {
    if (result) {
      base::log_info("pipeline key announced", {{"id", result->version}});
    } else if (!is_no_news(result.error())) {
      base::log_warn("the next pipeline key could not be announced; it will be tried again",
                     {{"error", result.error().message}});
    }
    const std::lock_guard lock(mutex_);
    writing_ = false;
  });
}

}  // namespace mlguard::server
