// Components: registration, removal, health, and the heartbeats that leases flush.
#include "base/ids.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {

using base::Component;
using base::Error;
using base::ErrorCode;

constexpr std::size_t kInstanceIdCharsMax = 64;
constexpr std::size_t kFieldCharsMax = 255;  // version and address, as agents say them
constexpr std::size_t kStatusCharsMax = 32;

Error unknown_component(const std::string& name) {
  return {ErrorCode::not_found, "unknown_component",
          "no component named " + name + " is registered; register again"};
}

std::optional<Component> find_component(const CommandContext& context, const std::string& name) {
  Query query = context.db.query(
      "SELECT instance_id, role, version, address, public_key, registered_at, health, health_since "
      "FROM component WHERE name = ? AND deleted = 0");
  query.bind(name);
  if (!query.step()) return std::nullopt;
  Component found;
  found.name = name;
  found.instance_id = query.text(0);
  if (auto role = base::parse_role(query.bytes(1)); role.ok()) found.role = *role;
  found.version = query.text(2);
  found.address = query.text(3);
  found.public_key = query.text(4);
  found.registered_at_ms = query.integer(5);
  if (auto health = base::parse_health(query.bytes(6)); health.ok()) found.health = *health;
  found.health_since_ms = query.integer(7);
  return found;
}

void put_component(const CommandContext& context, const Component& component) {
  put_row(context, TableId::component, component.name, component.instance_id,
          base::to_string(component.role), component.version, component.address,
          component.public_key, component.registered_at_ms, base::to_string(component.health),
          component.health_since_ms);
}

base::Status check_component(const Component& component) {
  if (auto name = base::check_component_name(component.name); !name.ok()) return name;
  if (component.name == base::kGlobalComponent) {
    return Error{ErrorCode::invalid_argument, "invalid_name",
                 "'global' names the configuration that all components read; choose another name"};
  }
  if (component.instance_id.empty()) {
    return Error{ErrorCode::invalid_argument, "invalid_instance",
                 "an instance id of 1 to 64 characters is needed"};
  }
  const char* reason = "invalid_component";
  if (auto checked = check_text(component.instance_id, kInstanceIdCharsMax, "the instance id",
                                "invalid_instance");
      !checked.ok()) {
    return checked;
  }
  for (const auto& [text, what] :
       {std::pair{&component.version, "the version"}, std::pair{&component.address, "the address"},
        std::pair{&component.public_key, "the public key"}}) {
    if (auto checked = check_text(*text, kFieldCharsMax, what, reason); !checked.ok()) {
      return checked;
    }
  }
  return {};
}

// Tombstones of the component, its heartbeat and what it said it applied.
void bury(const CommandContext& context, const std::string& name) {
  context.db.run("UPDATE component SET deleted = 1, hlc = ?, origin = ? WHERE name = ?",
                 context.hlc, context.origin, name);
  context.db.run(
      "UPDATE heartbeat SET deleted = 1, hlc = ?, origin = ? WHERE component = ? AND deleted = 0",
      context.hlc, context.origin, name);
  context.db.run(
      "UPDATE applied SET deleted = 1, hlc = ?, origin = ? WHERE component = ? AND deleted = 0",
      context.hlc, context.origin, name);
}

std::string resource_of(const std::string& name) { return "components/" + name; }

}  // namespace

Outcome run(const CommandContext& context, const RegisterComponent& command) {
  Component component = command.component;
  if (auto checked = check_component(component); !checked.ok()) return checked.error();
  const auto before = find_component(context, component.name);
  const bool same_key = before && before->public_key == component.public_key;
  if (before && !same_key && before->health != base::Health::dead) {
    return Error{ErrorCode::conflict, "name_taken",
                 "the name " + component.name + " belongs to another key, last registered from " +
                     before->address +
                     "; choose another name, or remove that one first with: "
                     "ml-guard component rm " +
                     component.name};
  }

  const bool same_instance = same_key && before->instance_id == component.instance_id;
  component.registered_at_ms = same_instance ? before->registered_at_ms : context.now_ms;
  const bool was_healthy = same_instance && before->health == base::Health::healthy;
  component.health = base::Health::healthy;
  component.health_since_ms = was_healthy ? before->health_since_ms : context.now_ms;
  if (was_healthy && before->role == component.role && before->version == component.version &&
      before->address == component.address) {
    return CommandOutcome{};
  }

  put_component(context, component);
  const std::string resource = resource_of(component.name);
  if (!before) {
    add_audit(context, "component.register", resource, "first registered at this name");
  } else if (!same_key) {
    add_audit(context, "component.takeover", resource,
              "the name of a dead component went to another key");
  }
  return CommandOutcome{
      resource, component.name + (same_instance ? " registered again" : " registered"), 0, {}};
}

Outcome run(const CommandContext& context, const UnregisterComponent& command) {
  const auto before = find_component(context, command.name);
  if (!before) return unknown_component(command.name);
  if (before->instance_id != command.instance_id) {
    return Error{ErrorCode::conflict, "other_instance",
                 "another instance of " + command.name + " registered since; it stays registered"};
  }
  bury(context, command.name);
  return CommandOutcome{resource_of(command.name), command.name + " unregistered", 0, {}};
}

Outcome run(const CommandContext& context, const RemoveComponent& command) {
  const auto before = find_component(context, command.name);
  if (!before) {
    return Error{ErrorCode::not_found, "unknown_component",
                 "no component named " + command.name + " is registered; see: ml-guard components"};
  }
  bury(context, command.name);
  const int revoked = context.db.run(
      "UPDATE identity SET revoked = 1, hlc = ?, origin = ? WHERE public_key = ? AND deleted = 0 "
      "AND revoked = 0",
      context.hlc, context.origin, before->public_key);
  const std::string resource = resource_of(command.name);
  add_audit(context, "component.remove", resource,
            revoked > 0 ? "removed, its key revoked" : "removed");
  CommandOutcome outcome{resource, command.name + " removed", 0, {}};
  if (!before->public_key.empty()) outcome.ids.push_back(before->public_key);
  return outcome;
}

Outcome run(const CommandContext& context, const RecordHealth& command) {
  const auto before = find_component(context, command.name);
  if (!before) return unknown_component(command.name);
  if (before->health == command.health) return CommandOutcome{};
  Component after = *before;
  after.health = command.health;
  after.health_since_ms = context.now_ms;
  put_component(context, after);
  const std::string resource = resource_of(command.name);
  const std::string change =
      std::string(base::to_string(before->health)) + " → " + base::to_string(after.health);
  add_audit(context, "health", resource, change);
  return CommandOutcome{resource, command.name + ": " + change, 0, {}};
}

Outcome run(const CommandContext& context, const FlushHeartbeats& command) {
  std::size_t flushed = 0;
  for (const base::Heartbeat& beat : command.heartbeats) {
    {
      // The component may have gone, or come back as another instance, since the beat was taken.
      Query query = context.db.query(
          "SELECT c.instance_id, h.hlc FROM component c LEFT JOIN heartbeat h ON h.component = "
          "c.name WHERE c.name = ? AND c.deleted = 0");
      query.bind(beat.component);
      if (!query.step() || query.bytes(0) != beat.instance_id) continue;
      // One write changes a row once: a second beat in the same flush would carry the same stamp.
      if (!query.is_null(1) && query.unsigned_integer(1) == context.hlc) continue;
    }
    put_row(context, TableId::heartbeat, beat.component, beat.instance_id, beat.seq,
            beat.sent_at_ms, beat.received_at_ms, beat.status.substr(0, kStatusCharsMax),
            beat.detail);
    ++flushed;
  }
  return CommandOutcome{"heartbeats", "heartbeats of " + count_of(flushed, "component"), 0, {}};
}

}  // namespace mlguard::db
