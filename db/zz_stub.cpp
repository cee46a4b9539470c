#include "db/sqlite_store.h"
namespace mlguard::db {
base::Result<MergeReport> SqliteStore::merge(const MergeRequest&) { return base::Error{base::ErrorCode::internal,"stub"}; }
base::Status SqliteStore::install_snapshot(const std::string&, std::uint64_t) { return base::Error{base::ErrorCode::internal,"stub"}; }
}
