// Every decoder of API messages; the first byte chooses which. What decodes, encodes to a text
// that decodes again, and encodes to the same text from there on.
#include "wire/messages.h"

#include "tests/fuzz/fuzz.h"
#include "wire/cluster_messages.h"

using namespace mlguard;

namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'123;

// From the first decoding on, nothing may change any more.
template <class Decode, class Encode>
void check_stable(std::string_view input, const Decode& decode, const Encode& encode) {
  const auto first = decode(input);
  if (!first.ok()) {
    fuzz::must(!first.error().message.empty() && !first.error().reason.empty(),
               "an error says something");
    return;
  }
  const std::string text = encode(*first);
  const auto second = decode(text);
  fuzz::must(second.ok(), "what was decoded encodes to what decodes");
  fuzz::must(encode(*second) == text, "encoding is stable");
}

template <class T>
std::string encode_any(const T& value) {
  return wire::encode(value);
}

void check_agent_message(unsigned choice, std::string_view input) {
  const auto encode_beat = [](const base::Heartbeat& beat) { return wire::encode_heartbeat(beat); };
  const auto encode_gone = [](const wire::Unregister& gone) {
    return wire::encode_unregister(gone.component, gone.instance_id);
  };
  switch (choice) {
    case 0: return check_stable(input, wire::decode_hello, encode_any<wire::HandshakeHello>);
    case 1: return check_stable(input, wire::decode_welcome, encode_any<wire::HandshakeWelcome>);
    case 2: return check_stable(input, wire::decode_register, wire::encode_register);
    case 3: return check_stable(input, wire::decode_unregister, encode_gone);
    case 4: return check_stable(input, wire::decode_heartbeat, encode_beat);
    case 5:
      return check_stable(input, wire::decode_heartbeat_reply, encode_any<wire::HeartbeatReply>);
    case 6: return check_stable(input, wire::decode_applied, encode_any<base::Applied>);
    case 7: return check_stable(input, wire::decode_token_request, encode_any<wire::TokenRequest>);
    default: return check_stable(input, wire::decode_token_reply, encode_any<wire::TokenReply>);
  }
}

void check_state_message(unsigned choice, std::string_view input) {
  const auto decode_versions = [](std::string_view text) {
    return wire::decode_config_list("versions", text);
  };
  const auto decode_configs = [](std::string_view text) {
    return wire::decode_config_list("configs", text);
  };
  const auto encode_configs = [](const std::vector<base::ConfigVersion>& configs) {
    return wire::encode_config_list("configs", configs);
  };
  switch (choice) {
    case 9: return check_stable(input, wire::decode_write_reply, encode_any<wire::WriteReply>);
    case 10: return check_stable(input, wire::decode_rollback, encode_any<wire::Rollback>);
    case 11: static_cast<void>(decode_versions(input)); return;
    case 12: return check_stable(input, decode_configs, encode_configs);
    default: return check_stable(input, wire::decode_changes, encode_any<wire::ChangeList>);
  }
}

void check_rules_message(unsigned choice, std::string_view input) {
  const auto decode_rules = [](std::string_view text) { return wire::decode_rules(text, kNowMs); };
  const auto encode_detections = [](const std::vector<base::Detection>& detections) {
    return wire::encode_detections(detections);
  };
  switch (choice) {
    case 14: return check_stable(input, decode_rules, wire::encode_rules);
    case 15: return check_stable(input, wire::decode_rule_set, encode_any<base::RuleSet>);
    default: return check_stable(input, wire::decode_detections, encode_detections);
  }
}

std::string encode_keys(const base::PipelineKeySet& set) {
  return wire::encode_pipeline_keys(set, 1'700'000'000'000);
}

void check_cluster_message(unsigned choice, std::string_view input) {
  switch (choice) {
    case 17: return check_stable(input, wire::decode_members, encode_any<wire::MemberList>);
    case 18: return check_stable(input, wire::decode_member_change, encode_any<wire::MemberChange>);
    case 19:
      return check_stable(input, wire::decode_leader_transfer, encode_any<wire::LeaderTransfer>);
    case 20: return check_stable(input, wire::decode_leader_reply, encode_any<wire::LeaderReply>);
    case 21: return check_stable(input, wire::decode_node_status, encode_any<wire::NodeStatus>);
    case 22: return check_stable(input, wire::decode_conflicts, wire::encode_conflicts);
    default: return check_stable(input, wire::decode_pipeline_keys, encode_keys);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr unsigned kChoices = 24;
  std::string_view input = fuzz::text_of(data, size);
  const unsigned choice = fuzz::take_byte(input) % kChoices;
  if (choice <= 8) {
    check_agent_message(choice, input);
  } else if (choice <= 13) {
    check_state_message(choice, input);
  } else if (choice <= 16) {
    check_rules_message(choice, input);
  } else {
    check_cluster_message(choice, input);
  }
  return 0;
}
