// SqliteReader: Reader over one read-only connection inside one read transaction.
//
// Not thread-safe. Gives its connection back to the pool when it goes; the pool must outlive it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine.h"
#include "db/reader_pool.h"

namespace mlguard::db {

class SqliteReader final : public Reader {
 public:
  // Takes a connection and pins the newest state.
  static base::Result<std::unique_ptr<SqliteReader>> open(ReaderPool& pool);
  ~SqliteReader() override;
  SqliteReader(const SqliteReader&) = delete;
  SqliteReader& operator=(const SqliteReader&) = delete;

  std::uint64_t revision() const override { return revision_; }
  base::Result<std::vector<base::Component>> components() override;
  base::Result<std::optional<base::Component>> component(std::string_view name) override;
  base::Result<base::ConfigVersion> config(std::string_view component) override;
  base::Result<base::ConfigVersion> config(std::string_view component,
                                           std::uint64_t version) override;
  base::Result<std::vector<base::ConfigVersion>> configs() override;
  base::Result<std::vector<base::ConfigVersion>> config_history(std::string_view component,
                                                                Page page) override;
  base::Result<base::RuleSet> rules_since(std::uint64_t after) override;
  base::Result<std::vector<base::Rule>> rules(std::string_view after_id,
                                              std::size_t limit) override;
  base::Result<std::optional<base::Rule>> rule(std::string_view id) override;
  base::Result<std::vector<StoredDetection>> detections(const DetectionFilter& filter,
                                                        Page page) override;
  base::Result<std::vector<base::Applied>> applied() override;
  base::Result<std::vector<base::Token>> tokens() override;
  base::Result<std::vector<StoredPipelineKey>> pipeline_keys() override;
  base::Result<std::vector<StoredModel>> models() override;
  base::Result<StoredModel> model(std::string_view sha256) override;
  base::Result<std::string> model_part(std::string_view sha256, std::uint64_t part) override;
  base::Result<std::optional<base::Token>> token(std::string_view id) override;
  base::Result<std::optional<base::Identity>> identity(std::string_view public_key) override;
  base::Result<std::vector<base::Identity>> identities() override;
  base::Result<std::vector<base::AuditRecord>> audit(Page page) override;
  base::Result<std::vector<base::Change>> changes(std::string_view resource, Page page) override;
  base::Result<std::vector<base::Conflict>> conflicts(std::size_t offset,
                                                      std::size_t limit) override;

  // For those who check the whole database at this state.
  Connection& connection() { return *connection_; }

 private:
  SqliteReader(ReaderPool& pool, std::unique_ptr<Connection> connection);
  void begin();

  ReaderPool& pool_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t revision_ = 0;
};

// The limit of a page, within 1 and kPageRowsMax.
std::size_t page_limit(std::size_t wanted);

}  // namespace mlguard::db
