// The nouns of the product as plain data: what db/ stores, wire/ encodes, and everybody talks
// about. Times are milliseconds since 1970 UTC; 0 means "never" or "not yet". Passive data, no
// locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::base {

inline constexpr std::size_t kConfigBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kDetailBytesMax = 4 * 1024;  // heartbeat and detection details
inline constexpr std::size_t kCommentCharsMax = 500;      // comments, reasons, messages
inline constexpr std::size_t kRulesPerWriteMax = 1000;
inline constexpr std::size_t kRuleStreamPageRules = 10'000;
inline constexpr std::size_t kDetectionsPerWriteMax = 1000;

// What a credential may be; which verbs each may use stands in server/role_table.h.
enum class Role { operator_, peer, sniffer, ml_detector, firewall, rag };
const char* to_string(
    Role role);  // "operator", "peer", "sniffer", "ml-detector", "firewall", "rag"
Result<Role> parse_role(std::string_view text);
// An agent's component must be called as its role, or role-suffix ("sniffer", "sniffer-dmz"), so
// that no agent can take another kind's name and read its configuration.
bool name_fits_role(std::string_view component, Role role);

// Health by the age of the last heartbeat: healthy → late → stale → dead.
enum class Health { healthy, late, stale, dead };
const char* to_string(Health health);
Result<Health> parse_health(std::string_view text);

struct Component {
  std::string name;
  std::string instance_id;  // Chosen by the agent once per process start or host; 1–64 characters.
  Role role = Role::sniffer;
  std::string version;     // The agent's software version.
  std::string address;     // Where it runs, as it says: host or host:port.
  std::string public_key;  // Hex of its X25519 static key: who may act under this name.
  std::int64_t registered_at_ms = 0;
  Health health = Health::healthy;  // As last recorded by the health monitor.
  std::int64_t health_since_ms = 0;
};

struct Heartbeat {
  std::string component;
  std::string instance_id;
  std::uint64_t seq = 0;            // Counts up from 1 in one agent process.
  std::int64_t sent_at_ms = 0;      // The agent's clock.
  std::int64_t received_at_ms = 0;  // The server's clock.
  std::string status = "ok";        // The agent's own word: "ok", "degraded", "starting", …
  std::string detail;  // JSON object of counters; at most kDetailBytesMax. May be empty.
};

struct ConfigVersion {
  std::string component;
  std::uint64_t version = 0;  // 1, 2, 3, … per component; never used again.
  std::string document;       // JSON, byte for byte as it was put.
  std::string sha256;         // Lower-case hex of the document's bytes.
  std::string author;
  std::string comment;
  std::int64_t created_at_ms = 0;
  std::uint64_t revision = 0;  // The state's revision that made it.
  bool active = false;
};

struct Rule {
  std::string id;    // Empty in a request: the server makes one. 1–64 of [a-zA-Z0-9_.-].
  std::string cidr;  // "10.0.0.5/32", "2001:db8::/48": canonical once stored.
  std::string action = "drop";  // "drop" or "allow" (allow wins: an allowlist entry).
  std::string reason;
  double score = 0;    // 0…1, the detector's certainty; 1 for an operator's rule.
  std::string source;  // Who made it: component or operator name; set by the server.
  std::int64_t created_at_ms = 0;
  std::int64_t expires_at_ms = 0;  // 0: never.
  std::uint64_t revision = 0;      // The state's revision that last changed it.
};

struct Detection {
  std::string id;         // Chosen by the detector, so that a retry is not a second one.
  std::string component;  // Set by the server from the credential.
  std::string kind;       // "portscan", "ddos", …
  std::string source_ip;
  std::string destination_ip;
  std::uint16_t destination_port = 0;
  double score = 0;
  std::string detail;   // JSON object: the explanation. At most kDetailBytesMax.
  std::string rule_id;  // The rule that followed, if any.
  std::int64_t detected_at_ms = 0;
};

// What an agent says that it runs: resource "config" or "rules".
struct Applied {
  std::string component;
  std::string resource;
  std::uint64_t revision = 0;
  std::string digest;
  std::int64_t applied_at_ms = 0;
  std::string note = {};  // Of a report: goes into the audit trail. Not kept with the rest.
};

struct Token {
  std::string id;  // 16 hex characters.
  Role role = Role::sniffer;
  std::string component;   // Empty: any name that fits the role.
  std::string sealed_psk;  // Sealed under a key derived from cluster.key. Never sent out.
  std::uint32_t uses_left = 1;
  std::int64_t created_at_ms = 0;
  std::int64_t expires_at_ms = 0;
  bool revoked = false;
  std::string author;
};

// Seals batches of flows from sniffers to ml-detectors. Each is announced a grace period before it
// becomes active, and retires a grace period after its successor became active.
struct PipelineKey {
  std::uint64_t id = 0;  // 1, 2, 3, …; never used again.
  std::string secret;    // 32 raw bytes; empty for who may see the key but not use it.
  std::int64_t active_from_ms = 0;
  std::int64_t retires_at_ms = 0;  // 0: not before a successor is announced.
  std::string author = {};         // "server", or the operator who asked for it.
};
inline constexpr std::size_t kPipelineKeysMax = 16;  // at one time
struct PipelineKeySet {
  std::uint64_t revision = 0;     // Of the state that they were read from.
  std::vector<PipelineKey> keys;  // By id; none retired.
};

// An enrolled static key.
struct Identity {
  std::string public_key;  // Hex, 64 characters.
  Role role = Role::sniffer;
  std::string name;       // For the audit trail: component or operator name.
  std::string component;  // Empty: any name that fits the role.
  std::string token_id;   // The token that let it in.
  std::int64_t enrolled_at_ms = 0;
  bool revoked = false;
};

struct AuditRecord {
  std::uint64_t id = 0;  // The state's revision that recorded it.
  std::int64_t at_ms = 0;
  std::string actor;    // "operator", "sniffer", "server", …
  std::string action;   // "config.put", "token.create", "health", "refused", …
  std::string subject;  // "config/sniffer", "rules/ab12", …
  std::string detail;
};

// A row that lost when two histories were merged, kept readable.
struct Conflict {
  std::string table;   // "config", "rule", …
  std::string key;     // The key columns, joined by "/".
  std::string reason;  // "older", "overwritten", "compare-and-set", "clock ahead", "membership".
  std::int64_t recorded_at_ms = 0;
  std::string lost_row;  // JSON object text, by column; bytes in hex.
  std::int64_t lost_at_ms = 0;
  std::string lost_by;   // The node id of the instance that wrote it.
  std::string kept_row;  // The row that stands now, alike. Empty: none.
};

// One entry of the change log, as people and watchers see it.
struct Change {
  std::uint64_t revision = 0;
  std::uint64_t term = 0;
  std::int64_t at_ms = 0;
  std::string author;
  std::string resource;  // "config/sniffer", "rules", "components/sniffer", …
  std::string summary;   // One line in plain words.
};

// What heartbeats tell an agent, so that it learns of changes without a connection each.
struct ResourceHeads {
  std::uint64_t config_version = 0;  // Of the component's active configuration; 0: it has none.
  std::uint64_t global_version = 0;  // Of the global configuration; 0: there is none.
  std::uint64_t rules_revision = 0;  // The revision that last changed a rule.
  std::uint64_t pipeline_keys_revision = 0;  // The one that last changed a pipeline key; 0: none.
};

// The live rules after some revision: everything, or what changed since.
// A full answer travels in pages of at most kRuleStreamPageRules; etcd_client joins them.
struct RuleSet {
  std::uint64_t revision = 0;        // Ask again with after=revision.
  bool full = true;                  // true: replace what you hold. false: apply the difference.
  std::vector<Rule> rules;           // Added or changed.
  std::vector<std::string> removed;  // Ids; empty in a full answer.
  // One page of a large full answer: the id to ask on from (after=0&after_id=…). Empty: complete.
  std::string next_id;
  std::string digest;  // rule_set_digest of everything live at `revision`.
};

// 16 hex characters per rule, XORed over all live rules: order does not matter, and one rule is
// added or taken away in constant time. BLAKE2b (RFC 7693) of id, cidr, action and expires_at_ms.
std::uint64_t rule_digest(const Rule& rule);
std::string rule_set_digest(const std::vector<Rule>& rules);
std::string format_digest(std::uint64_t digest);  // 16 lower-case hex characters

}  // namespace mlguard::base
