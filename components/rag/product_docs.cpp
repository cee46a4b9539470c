#include "rag/follower.h"
#include "rag/records_of.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kRagManual;
extern const std::vector<EmbeddedFile> kRagReadme;
}  // namespace mlguard::base

namespace mlguard::rag {

std::vector<Record> product_docs() {
  std::vector<Record> records;
  const auto add = [&](const std::vector<base::EmbeddedFile>& files, const std::string& folder) {
    for (const base::EmbeddedFile& file : files) {
      for (Record& record : doc_records(file, folder)) records.push_back(std::move(record));
    }
  };
  add(base::kRagReadme, "");
  add(base::kRagManual, "docs/");
  return records;
}

}  // namespace mlguard::rag
