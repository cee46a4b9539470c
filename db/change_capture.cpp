#include "db/change_capture.h"

#include <sqlite3.h>

#include <cstring>

#include "base/model.h"

namespace mlguard::db {

namespace {

std::string_view value_bytes(sqlite3_value* value) {
  if (value == nullptr) return {};
  const void* data = sqlite3_value_blob(value);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// By the column's declared type, not by the value's: SQLite hands a whole REAL out as an integer
// on insert and as a float later, and both must give the same image.
void encode_value(ImageWriter& out, ColumnType type, sqlite3_value* value) {
  if (value == nullptr || sqlite3_value_type(value) == SQLITE_NULL) {
    out.null();
    return;
  }
  switch (type) {
    case ColumnType::integer: out.integer(sqlite3_value_int64(value)); return;
    case ColumnType::real: out.real(sqlite3_value_double(value)); return;
    case ColumnType::text: out.text(value_bytes(value)); return;
    case ColumnType::blob: out.blob(value_bytes(value)); return;
  }
}

// Columns of `rule`, in the order of tables.cpp.
constexpr std::size_t kRuleId = 0;
constexpr std::size_t kRuleCidr = 1;
constexpr std::size_t kRuleAction = 2;
constexpr std::size_t kRuleExpires = 7;
constexpr std::size_t kRuleRevision = 8;
constexpr std::size_t kRuleDeleted = 11;

// Columns of `identity`.
constexpr std::size_t kIdentityRevoked = 6;
constexpr std::size_t kIdentityDeleted = 9;

}  // namespace

struct ChangeCapture::Hook {
  // Nothing may be thrown through SQLite's C code: out of memory ends the process here.
  static void call(void* self, sqlite3* /*db*/, int operation, const char* schema,
                   const char* table_name, sqlite3_int64 /*old_rowid*/,
                   sqlite3_int64 /*new_rowid*/) noexcept {
    if (std::strcmp(schema, "main") != 0) return;
    const ReplicatedTable* table = find_table(std::string_view(table_name));
    if (table != nullptr) static_cast<ChangeCapture*>(self)->on_change(operation, *table);
  }

  static sqlite3_value* value(sqlite3* db, Side side, std::size_t column) {
    sqlite3_value* value = nullptr;
    const int index = static_cast<int>(column);
    const int code = side == Side::before ? sqlite3_preupdate_old(db, index, &value)
                                          : sqlite3_preupdate_new(db, index, &value);
    return code == SQLITE_OK ? value : nullptr;
  }
};

ChangeCapture::ChangeCapture(Connection& connection, StoreState& state, GroupEffects& effects)
    : connection_(connection), state_(state), effects_(effects) {
  listen();
}

ChangeCapture::~ChangeCapture() { look_away(); }

void ChangeCapture::listen() { sqlite3_preupdate_hook(connection_.handle(), &Hook::call, this); }

void ChangeCapture::look_away() { sqlite3_preupdate_hook(connection_.handle(), nullptr, nullptr); }

void ChangeCapture::begin_write(std::uint64_t revision) {
  revision_ = revision;
  images_.clear();
}

void ChangeCapture::on_change(int operation, const ReplicatedTable& table) {
  const bool has_before = operation != SQLITE_INSERT;
  const bool has_after = operation != SQLITE_DELETE;

  if (has_before) {
    old_row_.clear();
    encode(Side::before, ImageKind::row, table, old_row_);
    toggle(state_.state_digest, row_hash(old_row_));
  }
  const std::size_t start = images_.size();
  if (has_after) {
    encode(Side::after, ImageKind::row, table, images_);
    toggle(state_.state_digest, row_hash(std::string_view(images_).substr(start)));
  } else {
    encode(Side::before, ImageKind::purge, table, images_);
  }

  if (!has_before) ++state_.row_count;
  if (!has_after) --state_.row_count;
  if (table.id == TableId::rule) {
    if (has_before) count_rule(Side::before);
    if (has_after) count_rule(Side::after);
    if (!has_after) note_purged_rule();
  }
  if (table.id == TableId::detection) {
    if (!has_before) ++state_.detections;
    if (!has_after) --state_.detections;
  }
  note_effects(has_after ? Side::after : Side::before, table);
  if (table.id == TableId::identity) note_revoked_key(has_before, has_after);
  if (table.id == TableId::member) effects_.members_changed = true;
  // The purge of a tombstone is no change of the keys.
  if (table.id == TableId::pipeline_key && has_after) effects_.pipeline_keys_revision = revision_;
}

void ChangeCapture::encode(Side side, ImageKind kind, const ReplicatedTable& table,
                           std::string& out) {
  const std::size_t count = kind == ImageKind::row ? table.columns.size() : table.key_columns;
  ImageWriter writer(out);
  writer.begin(kind, table);
  for (std::size_t i = 0; i < count; ++i) {
    encode_value(writer, table.columns[i].type, Hook::value(connection_.handle(), side, i));
  }
}

void ChangeCapture::count_rule(Side side) {
  if (integer(side, kRuleDeleted) != 0) return;
  base::Rule rule;
  rule.id = text(side, kRuleId);
  rule.cidr = text(side, kRuleCidr);
  rule.action = text(side, kRuleAction);
  rule.expires_at_ms = integer(side, kRuleExpires);
  state_.rules_digest ^= base::rule_digest(rule);
  if (side == Side::after) {
    ++state_.rules_live;
  } else {
    --state_.rules_live;
  }
}

void ChangeCapture::note_purged_rule() {
  // Whoever asks for the changes since before this tombstone needs everything anew.
  const auto revision = static_cast<std::uint64_t>(integer(Side::before, kRuleRevision));
  if (revision > state_.rules_floor) state_.rules_floor = revision;
}

void ChangeCapture::note_effects(Side side, const ReplicatedTable& table) {
  if (table.id != TableId::component && table.id != TableId::config_active &&
      table.id != TableId::rule) {
    return;
  }
  const bool live = integer(side, table.columns.size() - 1) == 0;
  if (table.id == TableId::component) {
    auto& after = effects_.components[std::string(text(side, 0))];
    after = live ? std::optional(component(side)) : std::nullopt;
  } else if (table.id == TableId::config_active) {
    const auto version = static_cast<std::uint64_t>(integer(side, 1));
    effects_.config_versions[std::string(text(side, 0))] = live ? version : 0;
  } else if (table.id == TableId::rule && side == Side::after) {
    // The purge of a tombstone is no change of the rules.
    effects_.rules_changed = true;
    state_.rules_revision = revision_;
  }
}

void ChangeCapture::note_revoked_key(bool has_before, bool has_after) {
  const auto welcome = [this](Side side) {
    return integer(side, kIdentityRevoked) == 0 && integer(side, kIdentityDeleted) == 0;
  };
  if (!has_before || !welcome(Side::before) || (has_after && welcome(Side::after))) return;
  effects_.revoked_keys.emplace_back(text(Side::before, 0));
}

base::Component ChangeCapture::component(Side side) const {
  base::Component component;
  component.name = text(side, 0);
  component.instance_id = text(side, 1);
  if (auto role = base::parse_role(text(side, 2)); role.ok()) component.role = *role;
  component.version = text(side, 3);
  component.address = text(side, 4);
  component.public_key = text(side, 5);
  component.registered_at_ms = integer(side, 6);
  if (auto health = base::parse_health(text(side, 7)); health.ok()) component.health = *health;
  component.health_since_ms = integer(side, 8);
  return component;
}

std::string_view ChangeCapture::text(Side side, std::size_t column) const {
  return value_bytes(Hook::value(connection_.handle(), side, column));
}

std::int64_t ChangeCapture::integer(Side side, std::size_t column) const {
  sqlite3_value* value = Hook::value(connection_.handle(), side, column);
  return value == nullptr ? 0 : sqlite3_value_int64(value);
}

}  // namespace mlguard::db
