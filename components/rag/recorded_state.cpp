#include "rag/recorded_state.h"

#include <algorithm>

#include "base/files.h"
#include "rag/state_json.h"
#include "wire/messages.h"

namespace mlguard::rag {
namespace {

using base::Result;

constexpr std::size_t kRecordedBytesMax = 64UL * 1024 * 1024;

// The page of `all` behind the items that `before` holds of.
template <class Item, class Before>
std::vector<Item> page_behind(std::vector<Item> all, Before&& before) {
  all.erase(std::remove_if(all.begin(), all.end(), before), all.end());
  if (all.size() > kStatePageRows) all.resize(kStatePageRows);
  return all;
}

class RecordedState final : public StateSource {
 public:
  explicit RecordedState(std::string folder) : folder_(std::move(folder)) {}

  Result<StateHead> head() override {
    const auto text = file("status.json");
    if (!text.ok()) return text.error();
    return decode_head(*text);
  }

  Result<std::vector<base::Change>> changes(std::uint64_t after) override {
    const auto text = file("changes.json");
    if (!text.ok()) return text.error();
    // The answer's revision is not among what is recorded: the last change tells it.
    auto list = wire::decode_changes("{\"revision\":0," + text->substr(text->find('{') + 1));
    if (!list.ok()) return list.error();
    return page_behind(std::move(list->changes),
                       [&](const base::Change& change) { return change.revision <= after; });
  }

  Result<std::vector<base::ConfigVersion>> configs() override {
    const auto text = file("configs.json");
    if (!text.ok()) return text.error();
    return wire::decode_config_list("configs", *text);
  }

  Result<std::vector<base::ConfigVersion>> config_history(const std::string& component,
                                                          std::uint64_t below) override {
    const auto text = file("config/" + component + ".json");
    if (!text.ok()) return text.error();
    auto versions = wire::decode_config_list("versions", *text);
    if (!versions.ok()) return versions;
    return page_behind(std::move(*versions), [&](const base::ConfigVersion& version) {
      return below != 0 && version.version >= below;
    });
  }

  Result<std::string> config_document(const std::string& component,
                                      std::uint64_t version) override {
    return file("config/" + component + "@" + std::to_string(version) + ".json");
  }

  // What went away before it was recorded is not in it: always everything.
  Result<base::RuleSet> rules_since(std::uint64_t /*after*/) override {
    const auto text = file("rules.json");
    if (!text.ok()) return text.error();
    return wire::decode_rule_set(*text);
  }

  Result<std::vector<StoredDetection>> detections(std::uint64_t after) override {
    const auto text = file("detections.json");
    if (!text.ok()) return text.error();
    auto all = decode_detections(*text);
    if (!all.ok()) return all;
    return page_behind(std::move(*all),
                       [&](const StoredDetection& one) { return one.revision <= after; });
  }

  Result<std::vector<base::AuditRecord>> audit(std::uint64_t below) override {
    const auto text = file("audit.json");
    if (!text.ok()) return text.error();
    auto all = decode_audit(*text);
    if (!all.ok()) return all;
    return page_behind(std::move(*all), [&](const base::AuditRecord& record) {
      return below != 0 && record.id >= below;
    });
  }

  Result<std::vector<ComponentState>> components() override {
    const auto text = file("components.json");
    if (!text.ok()) return text.error();
    return decode_components(*text);
  }

 private:
  Result<std::string> file(const std::string& name) const {
    return base::read_file(folder_ + "/" + name, kRecordedBytesMax);
  }

  const std::string folder_;
};

}  // namespace

std::unique_ptr<StateSource> make_recorded_state(const std::string& folder) {
  return std::make_unique<RecordedState>(folder);
}

}  // namespace mlguard::rag
