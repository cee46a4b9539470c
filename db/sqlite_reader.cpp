#include "db/sqlite_reader.h"

#include <algorithm>

#include "db/row_mapping.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

std::size_t page_limit(std::size_t wanted) {
  return std::clamp<std::size_t>(wanted, 1, kPageRowsMax);
}

base::Result<std::unique_ptr<SqliteReader>> SqliteReader::open(ReaderPool& pool) {
  auto connection = pool.acquire();
  if (!connection.ok()) return connection.error();
  std::unique_ptr<SqliteReader> reader(new SqliteReader(pool, std::move(connection).value()));
  return guarded("reading", pool.path(), [&]() -> base::Result<std::unique_ptr<SqliteReader>> {
    reader->begin();
    return std::move(reader);
  });
}

SqliteReader::SqliteReader(ReaderPool& pool, std::unique_ptr<Connection> connection)
    : pool_(pool), connection_(std::move(connection)) {}

SqliteReader::~SqliteReader() { pool_.give_back(std::move(connection_)); }

void SqliteReader::begin() {
  connection_->run("BEGIN");
  // The snapshot is pinned by the first read, not by BEGIN.
  Query query = connection_->query("SELECT revision FROM node_state WHERE id = 1");
  if (query.step()) revision_ = query.unsigned_integer(0);
}

base::Result<std::vector<base::Component>> SqliteReader::components() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<base::Component>> {
    std::vector<base::Component> all;
    static const std::string sql =
        select(kComponentColumns, "FROM component WHERE deleted = 0 ORDER BY name");
    Query query = connection_->query(sql.c_str());
    while (query.step()) all.push_back(component_of(query));
    return all;
  });
}

base::Result<std::optional<base::Component>> SqliteReader::component(std::string_view name) {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::optional<base::Component>> {
    static const std::string sql =
        select(kComponentColumns, "FROM component WHERE name = ? AND deleted = 0");
    Query query = connection_->query(sql.c_str());
    query.bind(name);
    if (!query.step()) return std::optional<base::Component>();
    return std::optional<base::Component>(component_of(query));
  });
}

base::Result<std::vector<base::Applied>> SqliteReader::applied() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<base::Applied>> {
    std::vector<base::Applied> all;
    Query query = connection_->query(
        "SELECT component, resource, revision, digest, applied_at FROM applied WHERE deleted = 0 "
        "ORDER BY component, resource");
    while (query.step()) {
      all.push_back({query.text(0), query.text(1), query.unsigned_integer(2), query.text(3),
                     query.integer(4)});
    }
    return all;
  });
}

base::Result<std::vector<base::Token>> SqliteReader::tokens() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<base::Token>> {
    std::vector<base::Token> all;
    static const std::string sql =
        select(kTokenColumns, "FROM token WHERE deleted = 0 ORDER BY created_at, id");
    Query query = connection_->query(sql.c_str());
    while (query.step()) all.push_back(token_of(query));
    return all;
  });
}

base::Result<std::optional<base::Token>> SqliteReader::token(std::string_view id) {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::optional<base::Token>> {
    static const std::string sql = select(kTokenColumns, "FROM token WHERE id = ? AND deleted = 0");
    Query query = connection_->query(sql.c_str());
    query.bind(id);
    if (!query.step()) return std::optional<base::Token>();
    return std::optional<base::Token>(token_of(query));
  });
}

base::Result<std::vector<StoredPipelineKey>> SqliteReader::pipeline_keys() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<StoredPipelineKey>> {
    std::vector<StoredPipelineKey> all;
    static const std::string sql =
        select(kPipelineKeyColumns, "FROM pipeline_key WHERE deleted = 0 ORDER BY id");
    Query query = connection_->query(sql.c_str());
    while (query.step()) all.push_back(pipeline_key_of(query));
    return all;
  });
}

base::Result<std::optional<base::Identity>> SqliteReader::identity(std::string_view public_key) {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::optional<base::Identity>> {
    static const std::string sql =
        select(kIdentityColumns, "FROM identity WHERE public_key = ? AND deleted = 0");
    Query query = connection_->query(sql.c_str());
    query.bind(public_key);
    if (!query.step()) return std::optional<base::Identity>();
    return std::optional<base::Identity>(identity_of(query));
  });
}

base::Result<std::vector<base::Identity>> SqliteReader::identities() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<base::Identity>> {
    std::vector<base::Identity> all;
    static const std::string sql = select(
        kIdentityColumns, "FROM identity WHERE deleted = 0 ORDER BY enrolled_at, public_key");
    Query query = connection_->query(sql.c_str());
    while (query.step()) all.push_back(identity_of(query));
    return all;
  });
}

}  // namespace mlguard::db
