// What agents and clients say about themselves: handshake payloads, register, heartbeat, applied,
// and the tokens that let them in.
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "wire/json_reader.h"
#include "wire/messages.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kDayMs = 24 * 3600 * kSecondMs;
constexpr std::int64_t kSessionIdleMsMax = 365 * kDayMs;
constexpr std::int64_t kHeartbeatIntervalMsMax = kDayMs;
constexpr std::size_t kTokenTextCharsMax = 512;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put_text(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

void read_role(ObjectReader& reader, const char* name, base::Role& out) {
  std::string text;
  reader.text(name, text, {1, kNameCharsMax}, Presence::required);
  const base::Result<base::Role> role = base::parse_role(text);
  if (role.ok()) {
    out = *role;
  } else {
    reader.fail(name, "must be a role: " + role.error().message);
  }
}

// A program gives the detail as the text of a JSON object; on the wire it is that object. Other
// text travels as a JSON string, which the other side refuses by the field's name.
Json object_or_text(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : Json(text);
}

}  // namespace

// ---- Handshake payloads --------------------------------------------------------------------

std::string encode(const HandshakeHello& hello) {
  Json json = Json::object();
  put_text(json, "token_id", hello.token_id);
  put_text(json, "client", hello.client);
  put_text(json, "name", hello.name);
  return dump(json);
}

base::Result<HandshakeHello> decode_hello(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  HandshakeHello hello;
  root.text("token_id", hello.token_id, {0, kNameCharsMax}, Presence::optional);
  root.text("client", hello.client, {}, Presence::optional);
  root.text("name", hello.name, {0, kNameCharsMax}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return hello;
}

std::string encode(const HandshakeWelcome& welcome) {
  Json json = {{"node_id", welcome.node_id},
               {"role", base::to_string(welcome.role)},
               {"server", welcome.server},
               {"session_idle_ms", welcome.session_idle_ms}};
  if (!welcome.endpoints.empty()) json["endpoints"] = welcome.endpoints;
  put_text(json, "leader", welcome.leader);
  return dump(json);
}

base::Result<HandshakeWelcome> decode_welcome(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  HandshakeWelcome welcome;
  root.text("node_id", welcome.node_id, {0, kNameCharsMax}, Presence::required);
  read_role(root, "role", welcome.role);
  root.text("server", welcome.server, {}, Presence::optional);
  root.whole("session_idle_ms", welcome.session_idle_ms, 0, kSessionIdleMsMax, Presence::optional);
  root.texts("endpoints", welcome.endpoints, {1, kTextCharsMax}, kWelcomeEndpointsMax,
             Presence::optional);
  root.text("leader", welcome.leader, {}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return welcome;
}

// ---- Register, unregister, heartbeat -------------------------------------------------------

std::string encode_register(const base::Component& component) {
  return dump({{"component", component.name},
               {"instance_id", component.instance_id},
               {"version", component.version},
               {"address", component.address}});
}

base::Result<base::Component> decode_register(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  base::Component component;
  root.component_name("component", component.name, Presence::required);
  root.text("instance_id", component.instance_id, {0, kNameCharsMax}, Presence::optional);
  root.text("version", component.version, {0, kNameCharsMax}, Presence::optional);
  root.text("address", component.address, {}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return component;
}

std::string encode_unregister(std::string_view component, std::string_view instance_id) {
  return dump({{"component", component}, {"instance_id", instance_id}});
}

base::Result<Unregister> decode_unregister(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  Unregister request;
  root.component_name("component", request.component, Presence::required);
  root.text("instance_id", request.instance_id, {0, kNameCharsMax}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return request;
}

std::string encode_heartbeat(const base::Heartbeat& heartbeat) {
  Json json = {{"component", heartbeat.component},
               {"instance_id", heartbeat.instance_id},
               {"seq", heartbeat.seq},
               {"sent_at", base::iso_time(heartbeat.sent_at_ms)},
               {"status", heartbeat.status}};
  if (!heartbeat.detail.empty()) json["detail"] = object_or_text(heartbeat.detail);
  return dump(json);
}

base::Result<base::Heartbeat> decode_heartbeat(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  base::Heartbeat heartbeat;
  root.component_name("component", heartbeat.component, Presence::required);
  root.text("instance_id", heartbeat.instance_id, {0, kNameCharsMax}, Presence::optional);
  root.whole("seq", heartbeat.seq, Presence::optional);
  root.time("sent_at", heartbeat.sent_at_ms, Presence::optional);
  root.text("status", heartbeat.status, {1, kNameCharsMax}, Presence::optional);
  root.json_object("detail", heartbeat.detail, base::kDetailBytesMax, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return heartbeat;
}

std::string encode(const HeartbeatReply& reply) {
  return dump({{"status", "ok"},
               {"interval_ms", reply.interval_ms},
               {"config", {{"version", reply.heads.config_version}}},
               {"global", {{"version", reply.heads.global_version}}},
               {"rules", {{"revision", reply.heads.rules_revision}}},
               {"pipeline_keys", {{"revision", reply.heads.pipeline_keys_revision}}}});
}

base::Result<HeartbeatReply> decode_heartbeat_reply(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  HeartbeatReply reply;
  root.whole("interval_ms", reply.interval_ms, 1, kHeartbeatIntervalMsMax, Presence::optional);
  const auto head = [&root](const char* name, const char* field, std::uint64_t& out) {
    root.object(name, Presence::required, [field, &out](ObjectReader& nested) {
      nested.whole(field, out, Presence::required);
    });
  };
  head("config", "version", reply.heads.config_version);
  head("global", "version", reply.heads.global_version);
  head("rules", "revision", reply.heads.rules_revision);
  if (root.has("pipeline_keys")) {
    head("pipeline_keys", "revision", reply.heads.pipeline_keys_revision);
  }
  if (!document.status().ok()) return document.status().error();
  return reply;
}

// ---- Applied -------------------------------------------------------------------------------

std::string encode(const base::Applied& applied) {
  Json json = {{"component", applied.component},
               {"resource", applied.resource},
               {"revision", applied.revision},
               {"digest", applied.digest}};
  put_text(json, "note", applied.note);
  return dump(json);
}

base::Result<base::Applied> decode_applied(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  base::Applied applied;
  root.component_name("component", applied.component, Presence::required);
  root.text("resource", applied.resource, {1, kNameCharsMax}, Presence::required);
  root.whole("revision", applied.revision, Presence::required);
  root.text("digest", applied.digest, {0, kDigestCharsMax}, Presence::optional);
  root.text("note", applied.note, {0, base::kCommentCharsMax}, Presence::optional);
  if (applied.resource != "config" && applied.resource != "global" && applied.resource != "rules") {
    root.fail("resource", "must be config, global or rules");
  }
  if (!document.status().ok()) return document.status().error();
  return applied;
}

// ---- Tokens --------------------------------------------------------------------------------

std::string encode(const TokenRequest& request) {
  Json json = {{"role", base::to_string(request.role)},
               {"ttl_s", request.ttl_ms / kSecondMs},
               {"uses", request.uses}};
  put_text(json, "component", request.component);
  return dump(json);
}

base::Result<TokenRequest> decode_token_request(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  TokenRequest request;
  std::int64_t ttl_s = request.ttl_ms / kSecondMs;
  std::int64_t uses = request.uses;
  read_role(root, "role", request.role);
  if (root.has("component")) {
    // An empty name means any, as if the field were absent.
    std::string name;
    root.text("component", name, {}, Presence::optional);
    if (!name.empty()) root.component_name("component", request.component, Presence::optional);
  }
  root.whole("ttl_s", ttl_s, 1, kTokenTtlMsMax / kSecondMs, Presence::optional);
  root.whole("uses", uses, 1, kTokenUsesMax, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  request.ttl_ms = ttl_s * kSecondMs;
  request.uses = static_cast<std::uint32_t>(uses);
  return request;
}

std::string encode(const TokenReply& reply) {
  return dump({{"id", reply.id},
               {"token", reply.token},
               {"role", base::to_string(reply.role)},
               {"expires_at", base::iso_time(reply.expires_at_ms)}});
}

base::Result<TokenReply> decode_token_reply(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  TokenReply reply;
  root.text("id", reply.id, {1, kNameCharsMax}, Presence::required);
  root.text("token", reply.token, {1, kTokenTextCharsMax}, Presence::required);
  read_role(root, "role", reply.role);
  root.time("expires_at", reply.expires_at_ms, Presence::required);
  if (!document.status().ok()) return document.status().error();
  return reply;
}

}  // namespace mlguard::wire
