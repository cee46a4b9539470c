#include "db/lease_load.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "db/row_mapping.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

base::Result<std::vector<Lease>> stored_leases(Connection& db) {
  std::vector<Lease> leases;
  const base::Status read = guarded("reading", db.path(), [&]() -> base::Status {
    std::unordered_map<std::string, base::Heartbeat> beats;
    static const std::string beat_sql =
        select(kHeartbeatColumns, "FROM heartbeat WHERE deleted = 0");
    Query beat = db.query(beat_sql.c_str());
    while (beat.step()) {
      base::Heartbeat heartbeat = heartbeat_of(beat);
      std::string name = heartbeat.component;
      beats.emplace(std::move(name), std::move(heartbeat));
    }
    static const std::string sql = select(kComponentColumns, "FROM component WHERE deleted = 0");
    Query query = db.query(sql.c_str());
    while (query.step()) {
      Lease lease;
      lease.component = component_of(query);
      const auto last = beats.find(lease.component.name);
      // A heartbeat of an instance that registered before says nothing of the one now.
      if (last != beats.end() && last->second.instance_id == lease.component.instance_id) {
        lease.last = last->second;
      }
      leases.push_back(std::move(lease));
    }
    return {};
  });
  if (!read.ok()) return read.error();
  return leases;
}

base::Status load_leases(SqliteStore& store, LeaseTable& leases) {
  Connection& db = store.connection();
  leases.clear();
  leases.set_rules_revision(store.state().rules_revision);
  const base::Status versions = guarded("reading", db.path(), [&]() -> base::Status {
    Query query = db.query("SELECT component, version FROM config_active WHERE deleted = 0");
    while (query.step()) leases.set_config_version(query.text(0), query.unsigned_integer(1));
    leases.set_pipeline_keys_revision(pipeline_keys_revision(db));
    return {};
  });
  if (!versions.ok()) return versions;
  const base::Result<std::vector<Lease>> stored = stored_leases(db);
  if (!stored.ok()) return stored.error();
  for (const Lease& lease : *stored) {
    leases.put(lease.component);
    leases.restore_heartbeat(lease.last);
  }
  return {};
}

}  // namespace mlguard::db
