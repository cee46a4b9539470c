#include "db/tables.h"

#include <unordered_map>
#include <utility>

namespace mlguard::db {

namespace {

constexpr ColumnType kInteger = ColumnType::integer;
constexpr ColumnType kReal = ColumnType::real;
constexpr ColumnType kText = ColumnType::text;
constexpr ColumnType kBlob = ColumnType::blob;

std::string names_of(const std::vector<Column>& columns, std::size_t count, const char* between,
                     const char* after) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) list += between;
    list += std::string(columns[i].name) + after;
  }
  return list;
}

std::string make_insert(const ReplicatedTable& table) {
  std::string places;
  for (std::size_t i = 0; i < table.columns.size(); ++i) places += i > 0 ? ",?" : "?";
  return std::string("INSERT INTO ") + table.name + " AS t (" +
         names_of(table.columns, table.columns.size(), ",", "") + ") VALUES (" + places + ")";
}

std::string make_upsert(const ReplicatedTable& table) {
  std::string updates;
  for (std::size_t i = table.key_columns; i < table.columns.size(); ++i) {
    const std::string name = table.columns[i].name;
    updates += (updates.empty() ? "" : ",") + name + "=excluded." + name;
  }
  return make_insert(table) + " ON CONFLICT (" +
         names_of(table.columns, table.key_columns, ",", "") + ") DO UPDATE SET " + updates +
         " WHERE (excluded.hlc, excluded.origin) > (t.hlc, t.origin)";
}

ReplicatedTable table(TableId id, const char* name, std::size_t key_columns,
                      std::vector<Column> columns) {
  ReplicatedTable made{id, name, key_columns, std::move(columns), {}, {}, {}, {}, {}};
  made.columns.insert(made.columns.end(),
                      {{"hlc", kInteger}, {"origin", kText}, {"deleted", kInteger}});
  made.insert_sql = make_insert(made);
  made.upsert_sql = make_upsert(made);
  const std::string by_key = " WHERE " + names_of(made.columns, key_columns, " AND ", " = ?");
  made.delete_sql = std::string("DELETE FROM ") + name + by_key;
  made.scan_sql =
      "SELECT " + names_of(made.columns, made.columns.size(), ",", "") + " FROM " + name;
  made.select_sql = made.scan_sql + by_key;
  return made;
}

std::vector<ReplicatedTable> make_tables() {
  std::vector<ReplicatedTable> all;
  all.push_back(table(TableId::component, "component", 1,
                      {{"name", kText},
                       {"instance_id", kText},
                       {"role", kText},
                       {"version", kText},
                       {"address", kText},
                       {"public_key", kText},
                       {"registered_at", kInteger},
                       {"health", kText},
                       {"health_since", kInteger}}));
  all.push_back(table(TableId::heartbeat, "heartbeat", 1,
                      {{"component", kText},
                       {"instance_id", kText},
                       {"seq", kInteger},
                       {"sent_at", kInteger},
                       {"received_at", kInteger},
                       {"status", kText},
                       {"detail", kText}}));
  all.push_back(table(TableId::config, "config", 2,
                      {{"component", kText},
                       {"version", kInteger},
                       {"document", kText},
                       {"sha256", kBlob},
                       {"author", kText},
                       {"comment", kText},
                       {"created_at", kInteger},
                       {"revision", kInteger}}));
  all.push_back(table(TableId::config_active, "config_active", 1,
                      {{"component", kText}, {"version", kInteger}}));
  all.push_back(table(TableId::rule, "rule", 1,
                      {{"id", kText},
                       {"cidr", kText},
                       {"action", kText},
                       {"reason", kText},
                       {"score", kReal},
                       {"source", kText},
                       {"created_at", kInteger},
                       {"expires_at", kInteger},
                       {"revision", kInteger}}));
  all.push_back(table(TableId::detection, "detection", 1,
                      {{"id", kText},
                       {"component", kText},
                       {"kind", kText},
                       {"source_ip", kText},
                       {"destination_ip", kText},
                       {"destination_port", kInteger},
                       {"score", kReal},
                       {"detail", kText},
                       {"rule_id", kText},
                       {"detected_at", kInteger},
                       {"revision", kInteger}}));
  all.push_back(table(TableId::applied, "applied", 2,
                      {{"component", kText},
                       {"resource", kText},
                       {"revision", kInteger},
                       {"digest", kText},
                       {"applied_at", kInteger}}));
  return all;
}

void add_records(std::vector<ReplicatedTable>& all) {
  all.push_back(table(TableId::token, "token", 1,
                      {{"id", kText},
                       {"role", kText},
                       {"component", kText},
                       {"sealed_psk", kText},
                       {"uses_left", kInteger},
                       {"created_at", kInteger},
                       {"expires_at", kInteger},
                       {"revoked", kInteger},
                       {"author", kText}}));
  all.push_back(table(TableId::identity, "identity", 1,
                      {{"public_key", kText},
                       {"role", kText},
                       {"name", kText},
                       {"component", kText},
                       {"token_id", kText},
                       {"enrolled_at", kInteger},
                       {"revoked", kInteger}}));
  all.push_back(table(TableId::audit, "audit", 2,
                      {{"id", kInteger},
                       {"node", kText},
                       {"at", kInteger},
                       {"actor", kText},
                       {"action", kText},
                       {"subject", kText},
                       {"detail", kText}}));
  all.push_back(table(TableId::conflict, "conflict", 4,
                      {{"table_name", kText},
                       {"row_key", kText},
                       {"lost_hlc", kInteger},
                       {"lost_origin", kText},
                       {"lost_row", kText},
                       {"reason", kText},
                       {"recorded_at", kInteger}}));
  all.push_back(table(TableId::member, "member", 1,
                      {{"address", kText}, {"kind", kText}, {"revision", kInteger}}));
  all.push_back(table(TableId::pipeline_key, "pipeline_key", 1,
                      {{"id", kInteger},
                       {"sealed_secret", kText},
                       {"active_from", kInteger},
                       {"retires_at", kInteger},
                       {"created_at", kInteger},
                       {"author", kText},
                       {"revision", kInteger}}));
  all.push_back(table(TableId::model_part, "model_part", 2,
                      {{"sha256", kText},
                       {"part", kInteger},
                       {"parts", kInteger},
                       {"name", kText},
                       {"size", kInteger},
                       {"bytes", kBlob},
                       {"author", kText},
                       {"created_at", kInteger},
                       {"revision", kInteger}}));
}

}  // namespace

const std::vector<ReplicatedTable>& replicated_tables() {
  static const std::vector<ReplicatedTable> tables = [] {
    std::vector<ReplicatedTable> all = make_tables();
    add_records(all);
    return all;
  }();
  return tables;
}

const ReplicatedTable& table_of(TableId id) {
  return replicated_tables()[static_cast<std::size_t>(id) - 1];
}

const ReplicatedTable* find_table(std::string_view name) {
  static const std::unordered_map<std::string_view, const ReplicatedTable*> by_name = [] {
    std::unordered_map<std::string_view, const ReplicatedTable*> map;
    for (const ReplicatedTable& each : replicated_tables()) map[each.name] = &each;
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

const ReplicatedTable* find_table(std::uint8_t id) {
  for (const ReplicatedTable& each : replicated_tables()) {
    if (static_cast<std::uint8_t>(each.id) == id) return &each;
  }
  return nullptr;
}

}  // namespace mlguard::db
