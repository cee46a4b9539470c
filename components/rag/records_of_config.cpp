#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "rag/records_of.h"
#include "rag/redaction.h"

namespace mlguard::rag {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 32;
constexpr std::size_t kListShownBytesMax = 2'000;

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_plain(const Json& json) { return !json.is_structured(); }

// A value below a secret's name is hidden whole, unless it cannot be one.
Json hidden_in(const Json& value, const std::string& name, bool below_secret) {
  if (value.is_boolean() || value.is_null()) return value;
  const bool secret = below_secret || is_secret_name(name);
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (secret && !text.empty()) return Json(std::string(kHidden));
    return Json(redacted_value(name, text));
  }
  if (value.is_array()) {
    Json made = Json::array();
    for (const Json& item : value) made.push_back(hidden_in(item, name, secret));
    return made;
  }
  return secret ? Json(std::string(kHidden)) : value;
}

class LeafWalk {
 public:
  std::vector<Leaf> take(const Json& root) {
    walk(root, "", "", false, 0);
    return std::move(leaves_);
  }

 private:
  void walk(const Json& value, const std::string& path, const std::string& name, bool secret,
            int depth) {
    if (leaves_.size() >= kLeavesMax || depth > kDepthMax) return;
    const bool below_secret = secret || (!path.empty() && is_secret_name(name));
    if (value.is_object() && !value.empty()) {
      for (const auto& [key, item] : value.items()) {
        walk(item, path.empty() ? redacted(key) : path + "." + redacted(key), key, below_secret,
             depth + 1);
      }
      return;
    }
    const bool list_of_more =
        value.is_array() && !std::all_of(value.begin(), value.end(), is_plain);
    if (list_of_more) {
      for (std::size_t at = 0; at < value.size(); ++at) {
        walk(value[at], path + "." + std::to_string(at), name, below_secret, depth + 1);
      }
      return;
    }
    leaves_.push_back({path, shown(hidden_in(value, name, below_secret))});
  }

  // A long list is cut between its items, so that what is shown stays true.
  static std::string shown(const Json& value) {
    std::string text = json_text(value);
    if (!value.is_array() || text.size() <= kListShownBytesMax) return text;
    Json cut = Json::array();
    std::size_t bytes = 0;
    for (const Json& item : value) {
      bytes += json_text(item).size() + 1;
      if (bytes > kListShownBytesMax) break;
      cut.push_back(item);
    }
    cut.push_back("… " + std::to_string(value.size() - cut.size()) + " more");
    return json_text(cut);
  }

  std::vector<Leaf> leaves_;
};

std::string name_of(const base::ConfigVersion& version) {
  return version.component + "@" + std::to_string(version.version);
}

std::string configuration_of(const std::string& component) {
  return component == "global" ? "the global configuration" : "the configuration of " + component;
}

std::string in_force_text(const base::ConfigVersion& version, const VersionContext& context) {
  if (context.ends_at_ms == 0) {
    return "It is in force since " + base::iso_time(version.created_at_ms) + ".";
  }
  const std::string how =
      context.replaced_by == 0
          ? " when it was deleted."
          : " when version " + std::to_string(context.replaced_by) + " replaced it.";
  return "It was in force from " + base::iso_time(version.created_at_ms) + " to " +
         base::iso_time(context.ends_at_ms) + how;
}

// "thresholds.block from 0.95 to 0.92", one a line.
std::vector<std::string> differences(const std::vector<Leaf>& before,
                                     const std::vector<Leaf>& after) {
  std::map<std::string, std::string> old;
  for (const Leaf& leaf : before) old[leaf.path] = leaf.value;
  std::vector<std::string> lines;
  for (const Leaf& leaf : after) {
    const auto found = old.find(leaf.path);
    if (found == old.end()) {
      lines.push_back(leaf.path + " is new: " + leaf.value);
    } else if (found->second != leaf.value) {
      lines.push_back(leaf.path + " from " + found->second + " to " + leaf.value);
    }
    if (found != old.end()) old.erase(found);
  }
  for (const auto& [path, value] : old) lines.push_back(path + " is gone, was " + value);
  return lines;
}

std::string difference_text(const VersionContext& context, const std::vector<Leaf>& leaves) {
  if (context.document_before == nullptr) return {};
  const auto lines = differences(leaves_of(*context.document_before), leaves);
  std::string text = "\nChanged against version " + std::to_string(context.before) + ": ";
  if (lines.empty()) return text + "nothing.";
  for (std::size_t at = 0; at < lines.size() && at < kDifferencesShownMax; ++at) {
    text += (at > 0 ? "; " : "") + lines[at];
  }
  if (lines.size() > kDifferencesShownMax) {
    text += "; and " + std::to_string(lines.size() - kDifferencesShownMax) + " more";
  }
  return text + ".";
}

Record version_record(const base::ConfigVersion& version, const VersionContext& context,
                      const std::vector<Leaf>& leaves) {
  Record record;
  record.table = Table::config_version;
  record.key = name_of(version);
  record.revision = version.revision;
  record.at_ms = version.created_at_ms;
  record.ends_at_ms = context.ends_at_ms;
  record.component = version.component;
  record.version = version.version;
  record.actor = redacted(version.author);
  record.title =
      "version " + std::to_string(version.version) + " of " + configuration_of(version.component);
  record.text = "Version " + std::to_string(version.version) + " of " +
                configuration_of(version.component) + " was put by " + record.actor + " at " +
                base::iso_time(version.created_at_ms) + ".";
  if (!version.comment.empty()) record.text += " Comment: " + redacted(version.comment);
  record.text += "\n" + in_force_text(version, context) + difference_text(context, leaves);
  record.detail = json_text(Json{{"sha256", version.sha256}, {"values", leaves.size()}});
  return record;
}

}  // namespace

std::vector<Leaf> leaves_of(std::string_view document) {
  const Json json = Json::parse(document, nullptr, false);
  if (!json.is_object()) return {};
  return LeafWalk().take(json);
}

std::vector<Record> records_of(const base::ConfigVersion& version, const VersionContext& context) {
  const std::vector<Leaf> leaves = leaves_of(version.document);
  std::vector<Record> records = {version_record(version, context, leaves)};
  const std::string in_version = "In version " + std::to_string(version.version) + " of " +
                                 configuration_of(version.component) + ", ";
  const std::string since =
      " Put by " + records.front().actor + ". " + in_force_text(version, context);
  for (const Leaf& leaf : leaves) {
    Record record;
    record.table = Table::config;
    record.key = name_of(version) + " " + leaf.path;
    record.revision = version.revision;
    record.at_ms = version.created_at_ms;
    record.ends_at_ms = context.ends_at_ms;
    record.component = version.component;
    record.version = version.version;
    record.path = leaf.path;
    record.value = leaf.value;
    record.actor = records.front().actor;
    record.title = version.component + " " + leaf.path;
    record.text = in_version + leaf.path + " is " + leaf.value + "." + since;
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace mlguard::rag
