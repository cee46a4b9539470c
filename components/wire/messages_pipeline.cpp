// Pipeline keys, as sniffers and ml-detectors get them; operators see them without their secrets.
#include <sodium.h>

#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "wire/channel.h"
#include "wire/json_reader.h"
#include "wire/messages.h"
#include "wire/primitives.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSecretCharsMax = 64;  // 43 of base64url

const char* state_of(const base::PipelineKey& key, std::int64_t now_ms) {
  if (key.active_from_ms > now_ms) return "announced";
  if (key.retires_at_ms == 0) return "active";
  return key.retires_at_ms > now_ms ? "retiring" : "retired";
}

void read_key(ObjectReader& reader, base::PipelineKey& key) {
  std::string secret;
  reader.whole("id", key.id, Presence::required);
  reader.text("key", secret, {1, kSecretCharsMax}, Presence::optional);
  reader.time("active_from", key.active_from_ms, Presence::required);
  reader.time("retires_at", key.retires_at_ms, Presence::optional);
  reader.text("author", key.author, {0, kNameCharsMax}, Presence::optional);
  if (secret.empty()) return;
  auto bytes = from_base64url(secret);
  sodium_memzero(secret.data(), secret.size());
  if (bytes.ok() && bytes->size() == kKeyBytes) {
    key.secret = std::move(*bytes);
  } else {
    reader.fail("key", "must be 32 bytes in base64url");
  }
}

}  // namespace

std::string encode_pipeline_keys(const base::PipelineKeySet& set, std::int64_t now_ms) {
  Json keys = Json::array();
  for (const base::PipelineKey& key : set.keys) {
    Json json = {{"id", key.id}};
    if (!key.secret.empty()) json["key"] = to_base64url(key.secret);
    json["state"] = state_of(key, now_ms);
    json["active_from"] = base::iso_time(key.active_from_ms);
    if (key.retires_at_ms != 0) json["retires_at"] = base::iso_time(key.retires_at_ms);
    if (!key.author.empty()) json["author"] = key.author;
    keys.push_back(std::move(json));
  }
  const Json all = {{"revision", set.revision}, {"keys", std::move(keys)}};
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<base::PipelineKeySet> decode_pipeline_keys(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  base::PipelineKeySet set;
  root.whole("revision", set.revision, Presence::required);
  root.objects("keys", base::kPipelineKeysMax, Presence::required,
               [&set](ObjectReader& reader) { read_key(reader, set.keys.emplace_back()); });
  if (!document.status().ok()) return document.status().error();
  return set;
}

}  // namespace mlguard::wire
