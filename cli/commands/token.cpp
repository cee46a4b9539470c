// ml-guard token create|list|revoke, and enroll: how machines and people are let in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <istream>
#include <ostream>

#include "base/files.h"
#include "base/ids.h"
#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/listing.h"
#include "cli/probe.h"
#include "wire/messages.h"

namespace mlguard::cli {
namespace {

constexpr mode_t kPrivateFolderMode = 0700;
constexpr std::size_t kHostNameBytesMax = 256;
constexpr std::size_t kTokenCharsMax = 1'024;

struct TokenOptions {
  std::string role;
  std::string component;
  std::string ttl = "24h";
  std::uint32_t uses = 1;
  std::string id;
  std::string token;
  std::string name;
  bool force = false;
};

std::string host_name() {
  std::array<char, kHostNameBytesMax> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "THIS-HOST";
  return name.data();
}

// The endpoints as another machine must write them: it is not our localhost.
std::string endpoints_from_elsewhere(const Settings& settings) {
  std::string text;
  for (const std::string& endpoint : settings.endpoints) {
    text += text.empty() ? "" : ",";
    text += all_local({endpoint}) ? host_name() + ":" + port_of(endpoint) : endpoint;
  }
  return text;
}

std::string next_command(const Context& context, const TokenOptions& options,
                         const std::string& token) {
  const std::string endpoints = " --endpoints " + endpoints_from_elsewhere(context.settings());
  if (options.role == "operator") return "ml-guard enroll " + token + endpoints;
  const bool named = !options.component.empty() && options.component != options.role;
  return options.role + endpoints + (named ? " --name " + options.component : "") + " --join " +
         token;
}

std::string with_article(const std::string& role) {
  return (role == "operator" ? "an " : "a ") + role;
}

base::Status run_create(Context& context, const TokenOptions& options) {
  wire::TokenRequest wanted;
  auto role = base::parse_role(options.role);
  if (!role.ok()) {
    return usage_error("the role '" + options.role +
                       "' is not one of sniffer, ml-detector, firewall, rag, operator");
  }
  auto ttl = base::parse_duration_ms(options.ttl);
  if (!ttl.ok() || *ttl <= 0) {
    return usage_error("--ttl '" + options.ttl + "' is not a duration such as 30m, 24h or 7d");
  }
  wanted.role = *role;
  wanted.component = options.component;
  wanted.ttl_ms = *ttl;
  wanted.uses = options.uses;
  auto answer = context.send("POST", "/v1/tokens", wire::encode(wanted));
  if (!answer.ok()) return answer.error();
  auto made = wire::decode_token_reply(*answer);
  if (!made.ok()) return made.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
  } else if (context.raw()) {
    context.out() << made->token << "\n";
  } else {
    const std::string uses = options.uses == 1 ? "once" : std::to_string(options.uses) + " times";
    context.out() << "token " << made->id << ": lets " << with_article(options.role) << " in, "
                  << uses << ", until " << short_time(base::iso_time(made->expires_at_ms)) << " ("
                  << age(made->expires_at_ms, context.now_ms()) << ").\n"
                  << "It is shown only now. On the other machine, type:\n\n  "
                  << next_command(context, options, made->token) << "\n\n";
  }
  return {};
}

base::Status run_list(Context& context) {
  auto answer = context.get("/v1/tokens");
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  auto rows =
      rows_of(*answer, "tokens", {"id", "role", "component", "uses_left", "expires_at", "state"});
  if (!rows.ok()) return rows.error();
  Table table({text_column("ID"), text_column("ROLE"), shrinking_column("FOR"),
               number_column("USES LEFT"), text_column("EXPIRES"), text_column("STATE")});
  for (const TextRow& row : *rows) {
    table.add_row({row[0],
                   row[1],
                   row[2].empty() ? "any" : row[2],
                   row[3],
                   short_time(row[4]),
                   {row[5], tone_of_word(row[5])}});
  }
  context.print(table, "no tokens: make one with  ml-guard token create --role sniffer");
  return {};
}

base::Status run_revoke(Context& context, const TokenOptions& options) {
  auto answer = context.send("DELETE", "/v1/tokens/" + url_encode(options.id));
  if (!answer.ok()) return answer.error();
  context.report("token " + options.id + " lets nobody in any more", *answer, options.id);
  return {};
}

// "alice" of the environment as a valid name, for the audit trail.
std::string default_operator_name(const Environment& environment) {
  std::string name;
  for (const char c : environment.get("USER")) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    name += fits ? lower : '-';
  }
  return base::check_component_name(name).ok() ? name : "operator";
}

base::Status run_enroll(Context& context, const TokenOptions& options) {
  std::string token = options.token;
  if (token == "-" && !std::getline(context.streams().in, token)) {
    return usage_error("no token came from the input");
  }
  if (token.size() > kTokenCharsMax) return usage_error("this is too long to be a token");
  const auto& flag = context.flags().credentials;
  const std::string path = flag ? *flag : config_home(context.environment()) + "/operator.key";
  if (access(path.c_str(), F_OK) == 0 && !options.force) {
    return base::Error{base::ErrorCode::conflict, "already_enrolled",
                       path +
                           " is there already: this machine is enrolled. Add --force to "
                           "replace it, or --credentials FILE to keep both"};
  }
  if (const auto listens = context.check_server(); !listens.ok()) return listens;
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const auto made = base::make_folders(path.substr(0, slash), kPrivateFolderMode);
    if (!made.ok()) return made;
  }
  const std::string name =
      options.name.empty() ? default_operator_name(context.environment()) : options.name;
  const auto enrolled = etcd_client::enrol(context.client_options(), token, name, path);
  if (!enrolled.ok()) return enrolled;
  context.report("enrolled as " + name + "; the credential is in " + path +
                     ". Look around with  ml-guard status",
                 json_object({{"name", name}, {"credentials", path}}), path);
  return {};
}

}  // namespace

void define_token(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"token create --role sniffer", "token list", "token revoke 3f9a0c1122334455"});
  const auto options = std::make_shared<TokenOptions>();

  CLI::App& create = add_subcommand(app, "create", "make one, and say what to type over there");
  create.add_option("--role", options->role, "Who may come in with it")
      ->required()
      ->type_name("sniffer|ml-detector|firewall|rag|operator");
  create
      .add_option("--component", options->component,
                  "Only under this name (default: any that fits the role)")
      ->type_name("NAME");
  create.add_option("--ttl", options->ttl, "Expires after this time (default: 24h)")
      ->type_name("24h");
  create.add_option("--uses", options->uses, "How many may use it (default: 1)")->type_name("N");
  set_examples(create, {"token create --role sniffer",
                        "token create --role firewall --component firewall-dmz --ttl 1h",
                        "token create --role operator"});
  set_action(create, context, [&context, options] { return run_create(context, *options); });

  CLI::App& list = add_subcommand(app, "list", "all tokens and whether they still work");
  set_examples(list, {"token list"});
  set_action(list, context, [&context] { return run_list(context); });

  CLI::App& revoke = add_subcommand(app, "revoke", "make a token useless");
  revoke.add_option("ID", options->id, "As in token list")->required();
  set_examples(revoke, {"token revoke 3f9a0c1122334455"});
  set_action(revoke, context, [&context, options] { return run_revoke(context, *options); });
}

void define_enroll(CLI::App& app, Context& context) {
  const auto options = std::make_shared<TokenOptions>();
  app.add_option("TOKEN", options->token, "As token create printed it; - reads the input")
      ->required();
  app.add_option("--name", options->name, "Your name in the audit trail (default: $USER)")
      ->type_name("NAME");
  app.add_flag("--force", options->force, "Replace the credential that is there");
  set_examples(app, {"enroll mlg1.AbC... --endpoints 10.0.0.5:2379", "enroll - < token.txt"});
  set_action(app, context, [&context, options] { return run_enroll(context, *options); });
}

}  // namespace mlguard::cli
