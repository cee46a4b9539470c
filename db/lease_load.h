// Fills a LeaseTable from the store: at start, and when an instance comes to lead. Stateless.
#pragma once

#include <vector>

#include "base/result.h"
#include "db/connection.h"
#include "db/engine.h"
#include "db/lease_table.h"
#include "db/sqlite_store.h"

namespace mlguard::db {

// What the table held before is forgotten. On the store's thread.
base::Status load_leases(SqliteStore& store, LeaseTable& leases);

// The same as the database knows it, for an instance that keeps no leases itself.
base::Result<std::vector<Lease>> stored_leases(Connection& db);

}  // namespace mlguard::db
