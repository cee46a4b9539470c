#include "db/lease_table.h"

#include <algorithm>

#include "base/ids.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

base::Status check_heartbeat(const base::Heartbeat& heartbeat) {
  if (heartbeat.detail.size() > base::kDetailBytesMax) {
    return Error{ErrorCode::too_large, "detail_too_large",
                 "the heartbeat's detail has " + std::to_string(heartbeat.detail.size()) +
                     " bytes; at most " + std::to_string(base::kDetailBytesMax) + " are kept"};
  }
  if (heartbeat.status.size() > kHeartbeatStatusCharsMax) {
    return Error{ErrorCode::invalid_argument, "invalid_status",
                 "the heartbeat's status has more than " +
                     std::to_string(kHeartbeatStatusCharsMax) + " characters"};
  }
  return {};
}

}  // namespace

base::Result<base::ResourceHeads> LeaseTable::renew(const base::Heartbeat& heartbeat,
                                                    std::int64_t now_ms) {
  if (auto checked = check_heartbeat(heartbeat); !checked.ok()) return checked.error();
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(heartbeat.component);
  if (found == leases_.end()) {
    return Error{ErrorCode::not_found, "unknown_component",
                 "no component named " + heartbeat.component + " is registered; register again"};
  }
  Entry& entry = found->second;
  if (entry.lease.component.instance_id != heartbeat.instance_id) {
    return Error{ErrorCode::conflict, "other_instance",
                 "another instance of " + heartbeat.component +
                     " registered since; stop one of the two, or give it a name of its own"};
  }
  entry.lease.last = heartbeat;
  if (heartbeat.received_at_ms == 0) entry.lease.last.received_at_ms = now_ms;
  if (!entry.renewed) {
    entry.renewed = true;
    renewed_.push_back(heartbeat.component);
  }
  return base::ResourceHeads{entry.config_version, global_version_, rules_revision_,
                             pipeline_keys_revision_};
}

std::vector<Lease> LeaseTable::all() const {
  std::vector<Lease> leases;
  const std::lock_guard lock(mutex_);
  leases.reserve(leases_.size());
  for (const auto& [name, entry] : leases_) leases.push_back(entry.lease);
  return leases;
}

std::vector<base::Heartbeat> LeaseTable::take_renewed() {
  std::vector<base::Heartbeat> taken;
  const std::lock_guard lock(mutex_);
  while (!renewed_.empty() && taken.size() < kFlushBatchMax) {
    const auto found = leases_.find(renewed_.back());
    renewed_.pop_back();
    if (found == leases_.end() || !found->second.renewed) continue;
    found->second.renewed = false;
    taken.push_back(found->second.lease.last);
  }
  return taken;
}

void LeaseTable::put_back(const std::vector<base::Heartbeat>& heartbeats) {
  const std::lock_guard lock(mutex_);
  for (const base::Heartbeat& heartbeat : heartbeats) {
    const auto found = leases_.find(heartbeat.component);
    if (found == leases_.end() || found->second.renewed) continue;
    found->second.renewed = true;
    renewed_.push_back(heartbeat.component);
  }
}

void LeaseTable::put(const base::Component& component) {
  const std::lock_guard lock(mutex_);
  Entry& entry = leases_[component.name];
  if (entry.lease.component.instance_id != component.instance_id) entry.lease.last = {};
  entry.lease.component = component;
  const auto version = config_versions_.find(component.name);
  entry.config_version = version == config_versions_.end() ? 0 : version->second;
}

void LeaseTable::restore_heartbeat(const base::Heartbeat& heartbeat) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(heartbeat.component);
  if (found == leases_.end()) return;
  Lease& lease = found->second.lease;
  if (lease.component.instance_id == heartbeat.instance_id) lease.last = heartbeat;
}

void LeaseTable::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  leases_.erase(name);
}

void LeaseTable::clear() {
  const std::lock_guard lock(mutex_);
  leases_.clear();
  config_versions_.clear();
  renewed_.clear();
  global_version_ = 0;
  rules_revision_ = 0;
  pipeline_keys_revision_ = 0;
}

bool LeaseTable::free_or_held_by(std::string_view name, std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(name);
  return found == leases_.end() || found->second.lease.component.public_key == key;
}

void LeaseTable::set_config_version(const std::string& component, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  if (version == 0) {
    config_versions_.erase(component);
  } else {
    config_versions_[component] = version;
  }
  if (component == base::kGlobalComponent) global_version_ = version;
  if (const auto found = leases_.find(component); found != leases_.end()) {
    found->second.config_version = version;
  }
}

void LeaseTable::set_rules_revision(std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  rules_revision_ = revision;
}

void LeaseTable::set_pipeline_keys_revision(std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  pipeline_keys_revision_ = revision;
}

}  // namespace mlguard::db
