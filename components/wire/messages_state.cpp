// What is said about the state: answers of writes, configuration versions, changes.
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "base/time_format.h"
#include "wire/channel.h"
#include "wire/json_reader.h"
#include "wire/messages.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kListItemsMax = 100'000;
constexpr std::size_t kSummaryCharsMax = 1000;
constexpr std::string_view kConfigsOfOneComponent = "versions";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

// ---- Answers of writes, rollback -----------------------------------------------------------

std::string encode(const WriteReply& reply) {
  Json json = {{"status", "ok"}, {"revision", reply.revision}};
  if (reply.version != 0) json["version"] = reply.version;
  if (!reply.ids.empty()) json["ids"] = reply.ids;
  return dump(json);
}

base::Result<WriteReply> decode_write_reply(std::string_view text) {
  JsonDocument document(text, kPlainBodyBytesMax);
  ObjectReader root = document.root();
  WriteReply reply;
  root.whole("revision", reply.revision, Presence::required);
  root.whole("version", reply.version, Presence::optional);
  root.texts("ids", reply.ids, {1, kNameCharsMax}, kListItemsMax, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return reply;
}

std::string encode(const Rollback& rollback) {
  Json json = {{"version", rollback.version}};
  if (!rollback.comment.empty()) json["comment"] = rollback.comment;
  return dump(json);
}

base::Result<Rollback> decode_rollback(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  Rollback rollback;
  std::int64_t version = 0;
  root.whole("version", version, 1, kWholeMax, Presence::required);
  root.text("comment", rollback.comment, {0, base::kCommentCharsMax}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  rollback.version = static_cast<std::uint64_t>(version);
  return rollback;
}

// ---- Configuration versions ----------------------------------------------------------------

std::string encode_config_list(std::string_view list_name,
                               const std::vector<base::ConfigVersion>& versions) {
  const bool one_component = list_name == kConfigsOfOneComponent;
  Json json = Json::object();
  if (one_component && !versions.empty()) json["component"] = versions.front().component;
  Json& list = json[std::string(list_name)] = Json::array();
  for (const base::ConfigVersion& version : versions) {
    Json item = Json::object();
    if (!one_component) item["component"] = version.component;
    item["version"] = version.version;
    item["sha256"] = version.sha256;
    item["author"] = version.author;
    item["comment"] = version.comment;
    item["created_at"] = base::iso_time(version.created_at_ms);
    item["revision"] = version.revision;
    item["active"] = version.active;
    list.push_back(std::move(item));
  }
  return dump(json);
}

base::Result<std::vector<base::ConfigVersion>> decode_config_list(std::string_view list_name,
                                                                  std::string_view text) {
  JsonDocument document(text, kPlainBodyBytesMax, kLargeJsonValuesMax);
  ObjectReader root = document.root();
  std::string component;
  std::vector<base::ConfigVersion> versions;
  root.component_name("component", component, Presence::optional);
  root.objects(
      std::string(list_name).c_str(), kListItemsMax, Presence::required, [&](ObjectReader& item) {
        base::ConfigVersion version;
        version.component = component;
        item.component_name("component", version.component, Presence::optional);
        if (version.component.empty()) item.fail("component", "is missing");
        item.whole("version", version.version, Presence::required);
        item.text("sha256", version.sha256, {0, kDigestCharsMax}, Presence::optional);
        item.text("author", version.author, {}, Presence::optional);
        item.text("comment", version.comment, {0, base::kCommentCharsMax}, Presence::optional);
        item.time("created_at", version.created_at_ms, Presence::optional);
        item.whole("revision", version.revision, Presence::optional);
        item.boolean("active", version.active, Presence::optional);
        versions.push_back(std::move(version));
      });
  if (!document.status().ok()) return document.status().error();
  return versions;
}

// ---- Changes -------------------------------------------------------------------------------

std::string encode(const ChangeList& list) {
  Json json = {{"revision", list.revision}, {"changes", Json::array()}};
  for (const base::Change& change : list.changes) {
    json["changes"].push_back({{"revision", change.revision},
                               {"term", change.term},
                               {"at", base::iso_time(change.at_ms)},
                               {"author", change.author},
                               {"resource", change.resource},
                               {"summary", change.summary}});
  }
  return dump(json);
}

base::Result<ChangeList> decode_changes(std::string_view text) {
  JsonDocument document(text, kPlainBodyBytesMax, kLargeJsonValuesMax);
  ObjectReader root = document.root();
  ChangeList list;
  root.whole("revision", list.revision, Presence::required);
  root.objects("changes", kListItemsMax, Presence::required, [&list](ObjectReader& item) {
    base::Change change;
    item.whole("revision", change.revision, Presence::required);
    item.whole("term", change.term, Presence::optional);
    item.time("at", change.at_ms, Presence::optional);
    item.text("author", change.author, {}, Presence::optional);
    item.text("resource", change.resource, {}, Presence::required);
    item.text("summary", change.summary, {0, kSummaryCharsMax}, Presence::optional);
    list.changes.push_back(std::move(change));
  });
  if (!document.status().ok()) return document.status().error();
  return list;
}

}  // namespace mlguard::wire
