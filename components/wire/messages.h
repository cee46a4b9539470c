// API messages: the JSON of docs/wire-format.md to and from base/model.h, for both sides of the
// wire. Every decode_* bounds sizes, checks types and names the field that is wrong
// (invalid_argument / "invalid_json" for text that is no JSON, "invalid_name" for what is no
// component's name, "invalid_field" otherwise; too_large). Unknown fields are ignored, so that old
// and new can talk; a field that is null counts as absent. Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "base/result.h"

namespace mlguard::wire {

// Sealed fields (wire::Field names).
inline constexpr std::string_view kFieldRequestId = "request-id";  // ≤ 64 characters
inline constexpr std::string_view kFieldIfMatch = "if-match";      // expected version, decimal
inline constexpr std::string_view kFieldComment = "comment";       // ≤ kCommentCharsMax
inline constexpr std::string_view kFieldVersion = "version";       // of a config document
inline constexpr std::string_view kFieldSha256 = "sha256";
inline constexpr std::string_view kFieldRevision = "revision";  // state the answer saw
inline constexpr std::string_view kFieldCommitted = "committed-revision";
inline constexpr std::string_view kFieldAgeMs = "age-ms";       // of a local answer
inline constexpr std::string_view kFieldReplayed = "replayed";  // "1": a remembered answer
inline constexpr std::string_view kFieldLeader = "leader";      // of an answer that it gave

// Handshake payloads. Each has to fit into a handshake message (kHandshakeBytesMax).
inline constexpr std::size_t kWelcomeEndpointsMax = 32;
struct HandshakeHello {  // in message 1
  std::string token_id;  // empty when enrolled
  std::string client;    // "etcd_client/0.1.0", for the log
  std::string name;      // what an enrolling client wants to be called
};
struct HandshakeWelcome {  // in message 2
  std::string node_id;
  base::Role role = base::Role::sniffer;
  std::string server;                // "etcd-server/0.1.0"
  std::int64_t session_idle_ms = 0;  // the session ends after so long without a request
  // Addresses of the cluster's members, voters first, at most kWelcomeEndpointsMax; the leader's,
  // empty when nobody leads. Both are absent in what older servers send.
  std::vector<std::string> endpoints{};
  std::string leader{};
};
std::string encode(const HandshakeHello& hello);
std::string encode(const HandshakeWelcome& welcome);
base::Result<HandshakeHello> decode_hello(std::string_view json);
base::Result<HandshakeWelcome> decode_welcome(std::string_view json);

// POST /register {"component","instance_id","version","address"}; role and key are the session's.
// Only the component's name is required here: what a person types with `ml-guard api` may lack the
// rest, which is then empty.
std::string encode_register(const base::Component& component);
base::Result<base::Component> decode_register(std::string_view json);
// POST /unregister {"component","instance_id"}
std::string encode_unregister(std::string_view component, std::string_view instance_id);
struct Unregister {
  std::string component;
  std::string instance_id;
};
base::Result<Unregister> decode_unregister(std::string_view json);

// POST /heartbeat {"component","instance_id","seq","sent_at","status","detail"} (only the first is
// required; detail is a JSON object) →
// {"status":"ok","interval_ms","config":{"version"},"global":{"version"},"rules":{"revision"},
// "pipeline_keys":{"revision"}}, the last of which servers before 0.2 do not send.
struct HeartbeatReply {
  std::int64_t interval_ms = 5000;  // when to send the next one
  base::ResourceHeads heads;
};
std::string encode_heartbeat(const base::Heartbeat& heartbeat);
base::Result<base::Heartbeat> decode_heartbeat(std::string_view json);
std::string encode(const HeartbeatReply& reply);
base::Result<HeartbeatReply> decode_heartbeat_reply(std::string_view json);

// Answer of every write: {"status":"ok","revision":R, …}
struct WriteReply {
  std::uint64_t revision = 0;
  std::uint64_t version = 0;
  std::vector<std::string> ids;
};
std::string encode(const WriteReply& reply);
base::Result<WriteReply> decode_write_reply(std::string_view json);

// POST /v1/config/{c}/rollback {"version","comment"}
struct Rollback {
  std::uint64_t version = 0;
  std::string comment;
};
std::string encode(const Rollback& rollback);
base::Result<Rollback> decode_rollback(std::string_view json);

// GET /v1/config/{c}/versions → {"component","versions":[{"version","sha256","author","comment",
// "created_at","revision","active"}]}; GET /v1/config → {"configs":[…]} with "component" in each.
std::string encode_config_list(std::string_view list_name,
                               const std::vector<base::ConfigVersion>& versions);
base::Result<std::vector<base::ConfigVersion>> decode_config_list(std::string_view list_name,
                                                                  std::string_view json);

// POST /v1/rules {"rules":[{"id","cidr","action","reason","score","ttl_s" or "expires_at"}]}
// (a single rule object is taken too; a rule without score has 1); GET /v1/rules → {"rules":[…]}.
std::string encode_rules(const std::vector<base::Rule>& rules);
base::Result<std::vector<base::Rule>> decode_rules(std::string_view json, std::int64_t now_ms);
// GET /v1/rules/stream?after=R&wait=S →
// {"revision","mode":"full"|"delta","rules","removed","digest","next_id"}; a full answer with
// "next_id" goes on at after=0&after_id=NEXT_ID.
std::string encode(const base::RuleSet& set);
base::Result<base::RuleSet> decode_rule_set(std::string_view json);

// POST /v1/detections {"detections":[…]}; GET → the same with "revision" beside each.
std::string encode_detections(const std::vector<base::Detection>& detections);
// With the revision that stored each, in the same order.
std::string encode_detections(const std::vector<base::Detection>& detections,
                              const std::vector<std::uint64_t>& revisions);
base::Result<std::vector<base::Detection>> decode_detections(std::string_view json);

// POST /v1/applied {"component","resource","revision","digest","note"}; resource is config, global
// or rules. "note", which may be absent, is what the audit trail should know of.
std::string encode(const base::Applied& applied);
base::Result<base::Applied> decode_applied(std::string_view json);

// POST /v1/tokens {"role","component","ttl_s","uses"} → {"id","token","role","expires_at"}
inline constexpr std::int64_t kTokenTtlMsMax = 30LL * 24 * 3'600'000;
inline constexpr std::int64_t kTokenUsesMax = 1000;
struct TokenRequest {
  base::Role role = base::Role::sniffer;
  std::string component;
  std::int64_t ttl_ms = 24 * 3'600'000LL;  // at most kTokenTtlMsMax
  std::uint32_t uses = 1;                  // at most kTokenUsesMax
};
struct TokenReply {
  std::string id;
  std::string token;  // The join token's text; shown once.
  std::int64_t expires_at_ms = 0;
  base::Role role = base::Role::sniffer;
};
std::string encode(const TokenRequest& request);
base::Result<TokenRequest> decode_token_request(std::string_view json);
std::string encode(const TokenReply& reply);
base::Result<TokenReply> decode_token_reply(std::string_view json);

// GET /v1/pipeline-keys → {"revision","keys":[{"id","key","state","active_from","retires_at",
// "author"}]}: either key (base64url, for who may use it only) or author; state (announced, active,
// retiring) by `now_ms`, for people.
std::string encode_pipeline_keys(const base::PipelineKeySet& set, std::int64_t now_ms);
base::Result<base::PipelineKeySet> decode_pipeline_keys(std::string_view json);

// GET /v1/watch?after=R&resource=…&wait=S → {"revision","changes":[…]}; GET /v1/changes the same.
struct ChangeList {
  std::uint64_t revision = 0;  // Ask again with after=revision.
  std::vector<base::Change> changes;
};
std::string encode(const ChangeList& list);
base::Result<ChangeList> decode_changes(std::string_view json);

}  // namespace mlguard::wire
