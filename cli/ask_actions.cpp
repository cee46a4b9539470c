#include "cli/ask_actions.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "base/ids.h"
#include "base/json_check.h"
#include "base/time_format.h"
#include "cli/json_edit.h"
#include "cli/text_diff.h"

namespace mlguard::cli {
namespace {

constexpr std::size_t kQuestionInCommentCharsMax = 300;
constexpr int kIpv4BitsMax = 32;
constexpr int kIpv6BitsMax = 128;

base::Error bad_proposal(const std::string& why) {
  return {base::ErrorCode::invalid_argument, "bad_proposal",
          "rag proposed something that cannot be run: " + why};
}

// As a shell would take it: in single quotes unless nothing in it is special.
std::string quoted(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ':' || c == ',' || c == '+' || c == '=';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string asked_comment(const std::string& question) {
  std::string text = question.substr(0, kQuestionInCommentCharsMax);
  // Not in the middle of a character.
  while (text.size() < question.size() && !text.empty() &&
         (static_cast<unsigned char>(question[text.size()]) & 0xC0U) == 0x80U) {
    text.pop_back();
  }
  return "asked: \"" + text + "\"";
}

bool is_network(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  in6_addr parsed{};
  int bits_max = 0;
  if (inet_pton(AF_INET, address.c_str(), &parsed) == 1) bits_max = kIpv4BitsMax;
  if (inet_pton(AF_INET6, address.c_str(), &parsed) == 1) bits_max = kIpv6BitsMax;
  if (bits_max == 0) return false;
  if (slash == std::string::npos) return true;
  int bits = -1;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + slash + 1, end, bits);
  return read.ec == std::errc() && read.ptr == end && bits >= 0 && bits <= bits_max;
}

bool is_rule_id(const std::string& text) {
  constexpr std::size_t kRuleIdCharsMax = 64;
  return !text.empty() && text.size() <= kRuleIdCharsMax && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

// The proposal's arguments by name; each may stand once.
class Arguments {
 public:
  explicit Arguments(const wire::Proposal& proposal) : proposal_(proposal) {}

  std::string get(std::string_view name) const {
    for (const auto& [given, value] : proposal_.arguments) {
      if (given == name) return value;
    }
    return {};
  }
  // Every name is one of these, none stands twice, and the first `required` are there.
  base::Status check(std::initializer_list<std::string_view> names, std::size_t required) const {
    for (const auto& [given, value] : proposal_.arguments) {
      if (std::find(names.begin(), names.end(), given) == names.end()) {
        return bad_proposal(proposal_.action + " takes no '" + given + "'");
      }
      const auto same = [&name = given](const auto& other) { return other.first == name; };
      if (std::count_if(proposal_.arguments.begin(), proposal_.arguments.end(), same) > 1) {
        return bad_proposal("'" + given + "' stands there twice");
      }
    }
    for (std::size_t i = 0; i < required; ++i) {
      const std::string name(*(names.begin() + i));
      if (get(name).empty()) return bad_proposal("'" + name + "' is missing");
    }
    return {};
  }

 private:
  const wire::Proposal& proposal_;
};

base::Status take_component(const Arguments& arguments, ConfigOptions& options) {
  options.component = arguments.get("component");
  if (options.component == base::kGlobalComponent) return {};
  const auto checked = base::check_component_name(options.component);
  return checked.ok() ? base::Status() : base::Status(bad_proposal(checked.error().message));
}

base::Status plan_set(const Arguments& arguments, Action& action) {
  const auto checked = arguments.check({"component", "path", "value"}, 3);
  if (!checked.ok()) return checked;
  ConfigOptions& config = action.config;
  const auto named = take_component(arguments, config);
  if (!named.ok()) return named;
  config.path = arguments.get("path");
  config.value = arguments.get("value");
  const auto path = parse_path(config.path);
  if (!path.ok() || config.path.front() == '-') return bad_proposal("the path is none");
  // A value that begins with '-' is a number, or it would be taken for a flag by who types it.
  if (config.value.front() == '-' && !base::check_json(config.value).ok()) {
    return bad_proposal("the value is none");
  }
  action.kind = Action::Kind::config_set;
  action.command = "ml-guard config set " + config.component + " " + quoted(config.path) + " " +
                   quoted(config.value) + " --comment " + quoted(config.comment);
  return {};
}

base::Status plan_rollback(const Arguments& arguments, Action& action) {
  const auto checked = arguments.check({"component", "version"}, 2);
  if (!checked.ok()) return checked;
  ConfigOptions& config = action.config;
  const auto named = take_component(arguments, config);
  if (!named.ok()) return named;
  const std::string text = arguments.get("version");
  const auto read = std::from_chars(text.data(), text.data() + text.size(), config.version);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || config.version == 0) {
    return bad_proposal("the version is none");
  }
  action.kind = Action::Kind::config_rollback;
  action.command = "ml-guard config rollback " + config.component + " " + text + " --comment " +
                   quoted(config.comment);
  return {};
}

base::Status plan_add(const Arguments& arguments, Action& action) {
  const auto checked = arguments.check({"cidr", "action", "ttl", "reason"}, 1);
  if (!checked.ok()) return checked;
  RulesOptions& rules = action.rules;
  rules.cidrs = {arguments.get("cidr")};
  if (!is_network(rules.cidrs.front())) return bad_proposal("the network is none");
  if (!arguments.get("action").empty()) rules.action = arguments.get("action");
  if (rules.action != "drop" && rules.action != "allow") {
    return bad_proposal("the action is not drop or allow");
  }
  rules.ttl = arguments.get("ttl");
  if (!rules.ttl.empty()) {
    const auto ttl = base::parse_duration_ms(rules.ttl);
    if (!ttl.ok() || *ttl <= 0) return bad_proposal("the ttl is no duration");
  }
  action.kind = Action::Kind::rules_add;
  action.command = "ml-guard rules add " + rules.cidrs.front();
  if (rules.action != "drop") action.command += " --action " + rules.action;
  if (!rules.ttl.empty()) action.command += " --ttl " + rules.ttl;
  action.command += " --reason " + quoted(rules.reason);
  return {};
}

base::Status plan_remove(const Arguments& arguments, Action& action) {
  const auto checked = arguments.check({"id", "cidr"}, 0);
  if (!checked.ok()) return checked;
  const std::string id = arguments.get("id");
  const std::string cidr = arguments.get("cidr");
  if (id.empty() == cidr.empty()) return bad_proposal("it takes either an id or a network");
  if (!id.empty() && !is_rule_id(id) && !is_network(id)) return bad_proposal("the id is none");
  if (!cidr.empty() && !is_network(cidr)) return bad_proposal("the network is none");
  action.kind = Action::Kind::rules_remove;
  action.rules.ids = {id.empty() ? cidr : id};
  action.command = "ml-guard rules rm " + action.rules.ids.front();
  return {};
}

base::Result<Change> preview_config(Context& context, Action& action,
                                    const wire::Proposal& proposal) {
  auto client = context.client();
  if (!client.ok()) return client.error();
  ConfigOptions& config = action.config;
  const auto active = (*client)->get_config(config.component);
  if (!active.ok()) return active.error();
  if (proposal.expected_version != 0 && active->version != proposal.expected_version) {
    return base::Error{base::ErrorCode::precondition_failed, "version_mismatch",
                       config.component + " is at version " + std::to_string(active->version) +
                           ", and the answer was about version " +
                           std::to_string(proposal.expected_version) + ": ask again"};
  }
  config.if_version = active->version;
  std::string after;
  if (action.kind == Action::Kind::config_rollback) {
    auto old = (*client)->get_config(config.component, config.version);
    if (!old.ok()) return old.error();
    after = std::move(old->document);
  } else {
    const auto valid = base::check_json(active->document);
    if (!valid.ok()) return valid.error();
    auto edited =
        set_value(active->document, *parse_path(config.path), value_to_json(config.value));
    if (!edited.ok()) return edited.error();
    after = std::move(*edited);
  }
  const std::string name = config.component + " version ";
  return Change{
      unified_diff(active->document, after, name + std::to_string(active->version),
                   name + std::to_string(active->version + 1)),
      "ml-guard config rollback " + config.component + " " + std::to_string(active->version)};
}

std::string rule_line(const base::Rule& rule) {
  std::string line = rule.action + " " + rule.cidr;
  line += rule.expires_at_ms == 0 ? ", for good" : ", until " + base::iso_time(rule.expires_at_ms);
  if (!rule.source.empty()) line += ", by " + rule.source;
  if (!rule.reason.empty()) line += ", " + rule.reason;
  return line;
}

base::Result<Change> preview_rules(Context& context, const Action& action) {
  Change change;
  if (action.kind == Action::Kind::rules_add) {
    const RulesOptions& rules = action.rules;
    change.diff = "+" + rules.action + " " + rules.cidrs.front() +
                  (rules.ttl.empty() ? ", for good" : ", for " + rules.ttl) + "\n";
    change.undo = "ml-guard rules rm " + rules.cidrs.front();
    return change;
  }
  const auto rules = find_rules(context, action.rules.ids.front());
  if (!rules.ok()) return rules.error();
  for (const base::Rule& rule : *rules) {
    change.diff += "-" + rule_line(rule) + "\n";
    if (!change.undo.empty()) change.undo += "; ";
    change.undo += "ml-guard rules add " + rule.cidr;
    if (rule.action == "allow") change.undo += " --action allow";
    if (rule.expires_at_ms != 0) {
      const std::int64_t left_s =
          std::max<std::int64_t>(1, (rule.expires_at_ms - context.now_ms()) / 1'000);
      change.undo += " --ttl " + std::to_string(left_s) + "s";
    }
    if (!rule.reason.empty()) change.undo += " --reason " + quoted(rule.reason);
  }
  return change;
}

}  // namespace

base::Result<Action> plan_action(const wire::Proposal& proposal, const std::string& question) {
  Action action;
  action.config.comment = action.rules.reason = asked_comment(question);
  const Arguments arguments(proposal);
  base::Status planned = base::Error{
      base::ErrorCode::permission_denied, "not_in_whitelist",
      "'" + proposal.action + "' is nothing that ml-guard ask runs: type the command yourself"};
  if (proposal.action == "config.set") planned = plan_set(arguments, action);
  if (proposal.action == "config.rollback") planned = plan_rollback(arguments, action);
  if (proposal.action == "rules.add") planned = plan_add(arguments, action);
  if (proposal.action == "rules.remove") planned = plan_remove(arguments, action);
  if (!planned.ok()) return planned.error();
  return action;
}

base::Result<Change> preview(Context& context, Action& action, const wire::Proposal& proposal) {
  const bool config =
      action.kind == Action::Kind::config_set || action.kind == Action::Kind::config_rollback;
  return config ? preview_config(context, action, proposal) : preview_rules(context, action);
}

base::Status run_action(Context& context, const Action& action) {
  switch (action.kind) {
    case Action::Kind::config_set: return config_set(context, action.config);
    case Action::Kind::config_rollback: return config_rollback(context, action.config);
    case Action::Kind::rules_add: return rules_add(context, action.rules);
    case Action::Kind::rules_remove: return rules_rm(context, action.rules);
  }
  return {};
}

}  // namespace mlguard::cli
