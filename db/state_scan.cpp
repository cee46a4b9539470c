#include "db/state_scan.h"

#include <string>

#include "base/model.h"
#include "db/row_reading.h"
#include "db/tables.h"

namespace mlguard::db {

namespace {

void scan_rules(Connection& connection, StateTotals& totals) {
  Query row = connection.query("SELECT id, cidr, action, expires_at FROM rule WHERE deleted = 0");
  while (row.step()) {
    base::Rule rule;
    rule.id = row.text(0);
    rule.cidr = row.text(1);
    rule.action = row.text(2);
    rule.expires_at_ms = row.integer(3);
    totals.rules_digest ^= base::rule_digest(rule);
    ++totals.rules_live;
  }
}

}  // namespace

StateTotals scan_state(Connection& connection) {
  StateTotals totals;
  std::string image;
  for (const ReplicatedTable& table : replicated_tables()) {
    Query row = connection.query(table.scan_sql.c_str());
    while (row.step()) {
      encode_row(row, table, image);
      toggle(totals.state_digest, row_hash(image));
      ++totals.row_count;
      if (table.id == TableId::detection) ++totals.detections;
    }
  }
  scan_rules(connection, totals);
  return totals;
}

}  // namespace mlguard::db
