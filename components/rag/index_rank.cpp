#include "rag/index_rank.h"

#include <sqlite3.h>

#include <string>

namespace mlguard::rag {
namespace {

// The usual values of BM25: how soon more of the same word counts for less, and how much a long
// text is held against it.
constexpr double kSaturation = 1.2;
constexpr double kLength = 0.5;
// A passage that covers all of a question counts in full, one that covers almost none half.
constexpr double kCoverageFloor = 0.35;

double rank_of(const std::vector<double>& found, double relative_length,
               const RankContext& context) {
  double rank = 0;
  double covered = 0;
  double all = 0;
  const double length = 1 - kLength + kLength * relative_length;
  for (std::size_t group = 0; group < found.size(); ++group) {
    const double weight = context.group_weights[group];
    all += weight;
    if (found[group] <= 0) continue;
    covered += weight;
    rank += weight * found[group] * (kSaturation + 1) / (found[group] + kSaturation * length);
  }
  if (all <= 0) return 0;
  return rank * (kCoverageFloor + (1 - kCoverageFloor) * covered / all);
}

void rank_function(const Fts5ExtensionApi* api, Fts5Context* fts, sqlite3_context* result,
                   int argument_count, sqlite3_value** arguments) {
  (void)argument_count;
  (void)arguments;
  const auto* context = static_cast<const RankContext*>(api->xUserData(fts));
  std::vector<double> found(context->group_weights.size(), 0.0);
  int instances = 0;
  int code = api->xInstCount(fts, &instances);
  for (int index = 0; code == SQLITE_OK && index < instances; ++index) {
    int phrase = 0;
    int column = 0;
    int offset = 0;
    code = api->xInst(fts, index, &phrase, &column, &offset);
    if (code != SQLITE_OK || phrase < 0 || column < 0 || column >= kRankColumns) continue;
    const auto at = static_cast<std::size_t>(phrase);
    if (at >= context->group_of_phrase.size() || context->group_of_phrase[at] < 0) continue;
    found[static_cast<std::size_t>(context->group_of_phrase[at])] += kRankWeights[column];
  }
  int words = 0;
  sqlite3_int64 words_in_all = 0;
  sqlite3_int64 rows = 0;
  if (code == SQLITE_OK) code = api->xColumnSize(fts, -1, &words);
  if (code == SQLITE_OK) code = api->xColumnTotalSize(fts, -1, &words_in_all);
  if (code == SQLITE_OK) code = api->xRowCount(fts, &rows);
  if (code != SQLITE_OK) return sqlite3_result_error_code(result, code);
  const double average = rows > 0 && words_in_all > 0
                             ? static_cast<double>(words_in_all) / static_cast<double>(rows)
                             : 1.0;
  sqlite3_result_double(result, rank_of(found, words / average, *context));
}

// How FTS5 documents to get at its functions.
fts5_api* fts5_of(sqlite3* connection) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  return api;
}

}  // namespace

base::Status register_rank(sqlite3* connection, const char* name, RankContext* context) {
  fts5_api* api = fts5_of(connection);
  if (api == nullptr) {
    return base::Error{base::ErrorCode::unsupported, "no_fts5",
                       "this SQLite has no FTS5, which the index needs: install libsqlite3-0 of "
                       "Debian 12 or newer"};
  }
  if (api->xCreateFunction(api, name, context, rank_function, nullptr) != SQLITE_OK) {
    return base::Error{base::ErrorCode::internal, "rank_not_registered",
                       "the index's ranking could not be added to SQLite"};
  }
  return {};
}

}  // namespace mlguard::rag
