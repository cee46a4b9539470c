// The rank of one match: BM25 (Robertson and Walker) over groups of words instead of single ones,
// with a weight for each column. bm25() of FTS5 counts two synonyms twice and cannot tell how much
// of the question a passage covers; this one can.
//
// Registered on a connection as an auxiliary function of FTS5, it reads the RankContext at each
// call. Threads: as the connection.
#pragma once

#include <vector>

#include "base/result.h"

struct sqlite3;

namespace mlguard::rag {

// Where the words of a record stand, in the order of the FTS5 table's columns.
inline constexpr int kRankColumns = 3;
inline constexpr double kRankWeights[kRankColumns] = {4.0, 2.5, 1.0};  // title, place, text

struct RankContext {
  std::vector<int> group_of_phrase;   // Of the running query.
  std::vector<double> group_weights;  // idf, by group
};

// Makes `name(fts_table)` on the connection. `context` must outlive it.
base::Status register_rank(sqlite3* connection, const char* name, RankContext* context);

}  // namespace mlguard::rag
