// Small valid things to write in tests. Stateless.
#pragma once

#include <string>

#include "base/model.h"
#include "base/result.h"

namespace mlguard::db::test {

inline base::Component component_named(const std::string& name,
                                       const std::string& instance = "one") {
  base::Component component;
  component.name = name;
  component.instance_id = instance;
  component.role = base::Role::sniffer;
  component.version = "1.0";
  component.address = "localhost";
  component.public_key = std::string(64, 'a');
  return component;
}

inline base::Heartbeat beat_of(const base::Component& component, std::uint64_t seq = 1) {
  base::Heartbeat beat;
  beat.component = component.name;
  beat.instance_id = component.instance_id;
  beat.seq = seq;
  return beat;
}

inline base::Rule rule_for(const std::string& cidr, const std::string& id = "") {
  base::Rule rule;
  rule.id = id;
  rule.cidr = cidr;
  rule.reason = "test";
  rule.score = 1;
  return rule;
}

inline base::Detection detection_of(const std::string& id, const std::string& source = "10.0.0.1") {
  base::Detection detection;
  detection.id = id;
  detection.component = "ml-detector";
  detection.kind = "portscan";
  detection.source_ip = source;
  detection.score = 0.5;
  detection.detail = "{\"ports\":40}";
  return detection;
}

inline base::Token token_named(const std::string& id, std::int64_t expires_at_ms = 0) {
  base::Token token;
  token.id = id;
  token.role = base::Role::sniffer;
  token.component = "sniffer-dmz";
  token.sealed_psk = "00ff";
  token.expires_at_ms = expires_at_ms;
  return token;
}

inline base::Identity identity_of(char digit) {
  base::Identity identity;
  identity.public_key = std::string(64, digit);
  identity.role = base::Role::operator_;  // A token for sniffers must not be talked into this.
  identity.name = "probe";
  return identity;
}

// "reason" of an error, or "ok".
template <class T>
std::string reason_of(const base::Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason;
}

}  // namespace mlguard::db::test
