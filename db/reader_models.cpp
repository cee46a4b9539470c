// What a SqliteReader reads of models.
#include "db/row_reading.h"
#include "db/sqlite_error.h"
#include "db/sqlite_reader.h"

namespace mlguard::db {

namespace {

constexpr const char* kSelectModels =
    "SELECT sha256, max(name), max(parts), count(*), sum(size), max(author), max(created_at) FROM "
    "model_part WHERE deleted = 0 GROUP BY sha256 ORDER BY max(created_at) DESC, sha256";

StoredModel model_of(const Query& row) {
  StoredModel model;
  model.sha256 = row.text(0);
  model.name = row.text(1);
  model.parts = row.unsigned_integer(2);
  model.parts_there = row.unsigned_integer(3);
  model.bytes = row.unsigned_integer(4);
  model.author = row.text(5);
  model.created_at_ms = row.integer(6);
  return model;
}

base::Error no_model(std::string_view sha256) {
  return {base::ErrorCode::not_found, "no_model",
          "there is no model " + std::string(is_model_sha256(sha256) ? sha256 : "of that name") +
              "; see  ml-guard model list"};
}

}  // namespace

base::Result<std::vector<StoredModel>> SqliteReader::models() {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<StoredModel>> {
    std::vector<StoredModel> all;
    Query query = connection_->query(kSelectModels);
    while (query.step()) all.push_back(model_of(query));
    return all;
  });
}

base::Result<StoredModel> SqliteReader::model(std::string_view sha256) {
  auto all = models();
  if (!all.ok()) return all.error();
  for (StoredModel& model : *all) {
    if (model.sha256 == sha256) return std::move(model);
  }
  return no_model(sha256);
}

base::Result<std::string> SqliteReader::model_part(std::string_view sha256, std::uint64_t part) {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::string> {
    Query query = connection_->query(
        "SELECT bytes FROM model_part WHERE sha256 = ? AND part = ? AND deleted = 0");
    query.bind_all(sha256, part);
    if (!query.step()) return no_model(sha256);
    return query.text(0);
  });
}

}  // namespace mlguard::db
