// What a SqliteReader reads page by page: configurations, rules, detections, audit and changes.
#include "base/ids.h"
#include "db/row_mapping.h"
#include "db/sqlite_error.h"
#include "db/sqlite_reader.h"

namespace mlguard::db {

namespace {

using base::ConfigVersion;
using base::Error;
using base::ErrorCode;
using base::Result;

constexpr std::uint64_t kNoBound = 0x7fffffffffffffffULL;  // above every revision and version

std::uint64_t below(std::uint64_t after) { return after == 0 ? kNoBound : after; }

// Columns: component, version, sha256, author, comment, created_at, revision, active version.
constexpr const char* kConfigColumns =
    "c.component, c.version, c.sha256, c.author, c.comment, c.created_at, c.revision, CASE WHEN "
    "a.deleted = 0 THEN a.version ELSE 0 END";
constexpr const char* kConfigAndDocumentColumns =
    "c.component, c.version, c.sha256, c.author, c.comment, c.created_at, c.revision, CASE WHEN "
    "a.deleted = 0 THEN a.version ELSE 0 END, c.document";

ConfigVersion config_of(const Query& row) {
  ConfigVersion config;
  config.component = row.text(0);
  config.version = row.unsigned_integer(1);
  config.sha256 = base::to_hex(row.bytes(2));
  config.author = row.text(3);
  config.comment = row.text(4);
  config.created_at_ms = row.integer(5);
  config.revision = row.unsigned_integer(6);
  config.active = row.unsigned_integer(7) == config.version;
  return config;
}

// Prepared once each: the address, when it is asked for, picks its own index.
const std::string& detection_statement(bool newest_first, bool by_source) {
  static const auto make = [](bool newest, bool source) {
    std::string sql = select(kDetectionColumns, "FROM detection WHERE revision > ? AND ");
    sql += "detected_at >= ? AND (? = '' OR kind = ?) AND substr(id, 1, ?) = ? AND deleted = 0";
    if (source) sql += " AND source_ip = ?";
    return sql + (newest ? " ORDER BY revision DESC, id DESC" : " ORDER BY revision, id");
  };
  static const std::string statements[2][2] = {{make(false, false), make(false, true)},
                                               {make(true, false), make(true, true)}};
  return statements[newest_first ? 1 : 0][by_source ? 1 : 0];
}

bool ends_with_slash(std::string_view text) { return !text.empty() && text.back() == '/'; }

}  // namespace

Result<ConfigVersion> SqliteReader::config(std::string_view component) {
  return guarded("reading", pool_.path(), [&]() -> Result<ConfigVersion> {
    static const std::string sql =
        select(kConfigAndDocumentColumns,
               "FROM config_active a JOIN config c ON c.component = a.component AND c.version = "
               "a.version WHERE a.component = ? AND a.deleted = 0");
    Query query = connection_->query(sql.c_str());
    query.bind(component);
    if (!query.step()) {
      return Error{ErrorCode::not_found, "no_config",
                   std::string(component) +
                       " has no configuration; put one with: ml-guard config "
                       "put " +
                       std::string(component) + " FILE"};
    }
    ConfigVersion config = config_of(query);
    config.document = query.text(8);
    return config;
  });
}

Result<ConfigVersion> SqliteReader::config(std::string_view component, std::uint64_t version) {
  return guarded("reading", pool_.path(), [&]() -> Result<ConfigVersion> {
    {
      static const std::string sql =
          select(kConfigAndDocumentColumns,
                 "FROM config c LEFT JOIN config_active a ON a.component = c.component WHERE "
                 "c.component = ? AND c.version = ?");
      Query query = connection_->query(sql.c_str());
      query.bind_all(component, version);
      if (query.step()) {
        ConfigVersion config = config_of(query);
        config.document = query.text(8);
        return config;
      }
    }
    Query any = connection_->query("SELECT 1 FROM config WHERE component = ? LIMIT 1");
    any.bind(component);
    const std::string name(component);
    if (!any.step()) {
      return Error{ErrorCode::not_found, "no_config", name + " never had a configuration"};
    }
    return Error{ErrorCode::not_found, "no_version",
                 name + " has no version " + std::to_string(version) +
                     "; see: ml-guard config history " + name};
  });
}

Result<std::vector<ConfigVersion>> SqliteReader::configs() {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<ConfigVersion>> {
    std::vector<ConfigVersion> all;
    static const std::string sql = select(
        kConfigColumns,
        "FROM config_active a JOIN config c ON c.component = a.component AND c.version = a.version "
        "WHERE a.deleted = 0 ORDER BY a.component");
    Query query = connection_->query(sql.c_str());
    while (query.step()) all.push_back(config_of(query));
    return all;
  });
}

Result<std::vector<ConfigVersion>> SqliteReader::config_history(std::string_view component,
                                                                Page page) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<ConfigVersion>> {
    std::vector<ConfigVersion> all;
    static const std::string sql =
        select(kConfigColumns,
               "FROM config c LEFT JOIN config_active a ON a.component = c.component WHERE "
               "c.component = ? AND c.version < ? ORDER BY c.version DESC LIMIT ?");
    Query query = connection_->query(sql.c_str());
    query.bind_all(component, below(page.after), page_limit(page.limit));
    while (query.step()) all.push_back(config_of(query));
    return all;
  });
}

Result<base::RuleSet> SqliteReader::rules_since(std::uint64_t after) {
  return guarded("reading", pool_.path(), [&]() -> Result<base::RuleSet> {
    base::RuleSet set;
    set.revision = revision_;
    {
      Query state =
          connection_->query("SELECT rules_digest, rules_floor FROM node_state WHERE id = 1");
      state.step();
      set.digest = base::format_digest(state.unsigned_integer(0));
      // A revision from the future comes from a history that this state does not continue.
      set.full = after == 0 || after < state.unsigned_integer(1) || after > revision_;
    }
    if (set.full) {
      static const std::string sql =
          select(kRuleColumns, "FROM rule WHERE deleted = 0 ORDER BY id");
      Query query = connection_->query(sql.c_str());
      while (query.step()) set.rules.push_back(rule_of(query));
      return set;
    }
    static const std::string sql =
        select(kRuleColumns, "FROM rule WHERE revision > ? ORDER BY revision, id");
    Query query = connection_->query(sql.c_str());
    query.bind(after);
    while (query.step()) {
      if (query.truth(9)) {
        set.removed.push_back(query.text(0));
      } else {
        set.rules.push_back(rule_of(query));
      }
    }
    return set;
  });
}

Result<std::vector<base::Rule>> SqliteReader::rules(std::string_view after_id, std::size_t limit) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<base::Rule>> {
    std::vector<base::Rule> all;
    static const std::string sql =
        select(kRuleColumns, "FROM rule WHERE id > ? AND deleted = 0 ORDER BY id LIMIT ?");
    Query query = connection_->query(sql.c_str());
    query.bind_all(after_id, page_limit(limit));
    while (query.step()) all.push_back(rule_of(query));
    return all;
  });
}

Result<std::optional<base::Rule>> SqliteReader::rule(std::string_view id) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::optional<base::Rule>> {
    static const std::string sql = select(kRuleColumns, "FROM rule WHERE id = ? AND deleted = 0");
    Query query = connection_->query(sql.c_str());
    query.bind(id);
    if (!query.step()) return std::optional<base::Rule>();
    return std::optional<base::Rule>(rule_of(query));
  });
}

Result<std::vector<StoredDetection>> SqliteReader::detections(const DetectionFilter& filter,
                                                              Page page) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<StoredDetection>> {
    const bool newest_first = page.after == 0;
    const std::size_t limit = page_limit(page.limit);
    std::vector<StoredDetection> all;
    Query query =
        connection_->query(detection_statement(newest_first, !filter.source_ip.empty()).c_str());
    query.bind_all(page.after, filter.since_ms, filter.kind, filter.kind, filter.id.size(),
                   filter.id);
    if (!filter.source_ip.empty()) query.bind(filter.source_ip);
    while (query.step()) {
      StoredDetection next = detection_of(query);
      // The page goes on to the end of a revision, because the next one starts after it.
      if (all.size() >= limit && (newest_first || all.back().revision != next.revision)) break;
      all.push_back(std::move(next));
    }
    return all;
  });
}

Result<std::vector<base::AuditRecord>> SqliteReader::audit(Page page) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<base::AuditRecord>> {
    std::vector<base::AuditRecord> all;
    Query query = connection_->query(
        "SELECT id, at, actor, action, subject, detail FROM audit WHERE id < ? AND deleted = 0 "
        "ORDER BY id DESC, node DESC LIMIT ?");
    query.bind_all(below(page.after), page_limit(page.limit));
    while (query.step()) {
      all.push_back({query.unsigned_integer(0), query.integer(1), query.text(2), query.text(3),
                     query.text(4), query.text(5)});
    }
    return all;
  });
}

Result<std::vector<base::Change>> SqliteReader::changes(std::string_view resource, Page page) {
  return guarded("reading", pool_.path(), [&]() -> Result<std::vector<base::Change>> {
    {
      Query state = connection_->query("SELECT log_base_revision FROM node_state WHERE id = 1");
      state.step();
      if (page.after < state.unsigned_integer(0)) {
        return Error{ErrorCode::not_found, "compacted",
                     "the change log no longer reaches back to revision " +
                         std::to_string(page.after) + "; its oldest is " +
                         std::to_string(state.unsigned_integer(0) + 1) +
                         ". Read the whole resource anew, then follow from its revision"};
      }
    }
    std::vector<base::Change> all;
    Query query = connection_->query(
        "SELECT revision, term, hlc >> 16, author, resource, summary FROM change_log WHERE "
        "revision > ? AND (? = 0 OR resource = ? OR (? = 2 AND substr(resource, 1, ?) = ?)) ORDER "
        "BY revision LIMIT ?");
    const int kind = resource.empty() ? 0 : (ends_with_slash(resource) ? 2 : 1);
    query.bind_all(page.after, kind, resource, kind, resource.size(), resource,
                   page_limit(page.limit));
    while (query.step()) {
      all.push_back({query.unsigned_integer(0), query.unsigned_integer(1), query.integer(2),
                     query.text(3), query.text(4), query.text(5)});
    }
    return all;
  });
}

}  // namespace mlguard::db
