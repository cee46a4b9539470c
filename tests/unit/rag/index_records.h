// Records for the tests of the index.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rag/index.h"

namespace mlguard::rag {

inline std::unique_ptr<Index> index_in(const std::string& path) {
  auto opened = Index::open(path);
  EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
  return opened.ok() ? std::move(*opened) : nullptr;
}

inline Record record(Table table, const std::string& key, std::int64_t at_ms = 0) {
  Record made;
  made.table = table;
  made.key = key;
  made.at_ms = at_ms;
  made.revision = static_cast<std::uint64_t>(at_ms);
  return made;
}

inline Record rule(const std::string& id, const std::string& cidr, std::int64_t at_ms = 1,
                   std::int64_t ends_at_ms = 0) {
  Record made = record(Table::rule, id, at_ms);
  made.address = cidr;
  made.ends_at_ms = ends_at_ms;
  return made;
}

inline Record passage(Table table, const std::string& key, const std::string& title,
                      const std::string& text, std::int64_t at_ms = 0) {
  Record made = record(table, key, at_ms);
  made.title = title;
  made.text = text;
  return made;
}

inline std::vector<std::string> keys_of(const base::Result<std::vector<Record>>& found) {
  EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().message);
  std::vector<std::string> keys;
  if (found.ok()) {
    for (const Record& one : *found) keys.push_back(one.key);
  }
  return keys;
}

inline std::vector<std::string> keys_of(const base::Result<std::vector<Hit>>& found) {
  EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().message);
  std::vector<std::string> keys;
  if (found.ok()) {
    for (const Hit& hit : *found) keys.push_back(hit.record.key);
  }
  return keys;
}

}  // namespace mlguard::rag
