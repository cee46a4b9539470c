// ml-guard members, member add|remove, leader, leader transfer: the instances and who leads them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/listing.h"
#include "cli/member_table.h"
#include "wire/cluster_messages.h"
#include "wire/endpoint.h"

namespace mlguard::cli {
namespace {

using wire::MemberInfo;
using wire::MemberKind;
using wire::MemberList;

struct ClusterOptions {
  std::string address;
  bool learner = false;
  bool yes = false;
};

base::Result<MemberList> fetch_members(Context& context, std::string* json = nullptr) {
  auto answer = context.get("/v1/members");
  if (!answer.ok()) return answer.error();
  if (json != nullptr) *json = *answer;
  return wire::decode_members(*answer);
}

// Members have one name each, so an address is taken only as the others write it.
base::Status check_address(const std::string& text) {
  const auto endpoint = wire::parse_endpoint(text);
  if (endpoint.ok() && endpoint->text() == text) return {};
  return usage_error("'" + text +
                     "' is not an instance's address; write HOST:PORT, as the other instances "
                     "reach it");
}

std::size_t voters_of(const std::vector<MemberInfo>& members) {
  return static_cast<std::size_t>(
      std::count_if(members.begin(), members.end(),
                    [](const MemberInfo& member) { return member.kind == MemberKind::voter; }));
}

std::size_t majority_of(std::size_t voters) { return voters / 2 + 1; }

// ---- members

base::Status run_members(Context& context) {
  std::string json;
  const auto list = fetch_members(context, &json);
  if (!list.ok()) return list.error();
  if (context.json()) {
    context.out() << pretty_json(json);
    return {};
  }
  context.print(member_table(list->members, context.settings().output), "no members");
  if (context.raw()) return {};
  const std::size_t voters = voters_of(list->members);
  const std::size_t spare = voters == 0 ? 0 : voters - majority_of(voters);
  const std::string failures = spare == 0   ? "none may fail"
                               : spare == 1 ? "one may fail"
                                            : std::to_string(spare) + " may fail at a time";
  context.note(plural(voters, "voter", "voters") + ": " + std::to_string(majority_of(voters)) +
               " must be there, " + failures);
  return {};
}

// ---- member add, remove

base::Status run_add(Context& context, const ClusterOptions& options) {
  const auto checked = check_address(options.address);
  if (!checked.ok()) return checked;
  const auto answer = context.send(
      "POST", "/v1/members", wire::encode(wire::MemberChange{options.address, options.learner}));
  if (!answer.ok()) return answer.error();
  context.report(
      options.address + " is taken in as a learner" +
          (options.learner ? " and stays one" : "; it becomes a voter once it has caught up") +
          ". See how far it is with  ml-guard members",
      *answer, options.address);
  return {};
}

// Why somebody should think twice before that member goes; empty when nothing speaks against it.
std::string danger_of_removing(const std::vector<MemberInfo>& members, const MemberInfo& leaving) {
  if (leaving.kind == MemberKind::learner) return {};
  const std::size_t left = voters_of(members) - 1;
  const auto alive = static_cast<std::size_t>(
      std::count_if(members.begin(), members.end(), [&](const MemberInfo& member) {
        return member.kind == MemberKind::voter && member.address != leaving.address &&
               is_alive(member);
      }));
  if (left == 0) return "It is the only voter";
  if (alive < majority_of(left)) {
    return "Only " + std::to_string(alive) + " of the " + std::to_string(left) +
           " voters that remain can be heard: without a majority nothing can be written";
  }
  if (left % 2 == 0) {
    return std::to_string(left) + " voters would remain, and of them none more may fail than of " +
           std::to_string(left - 1);
  }
  if (leaving.leader) return "It leads: another one has to be elected";
  return {};
}

base::Status run_remove(Context& context, const ClusterOptions& options) {
  const auto checked = check_address(options.address);
  if (!checked.ok()) return checked;
  const auto list = fetch_members(context);
  if (!list.ok()) return list.error();
  const auto leaving =
      std::find_if(list->members.begin(), list->members.end(),
                   [&](const MemberInfo& member) { return member.address == options.address; });
  if (leaving == list->members.end()) {
    return base::Error{base::ErrorCode::not_found, "no_member",
                       options.address + " is not an instance of this cluster"};
  }
  const std::string danger = danger_of_removing(list->members, *leaving);
  if (!danger.empty() && !options.yes) {
    const auto sure = context.agreed(danger + ". Remove " + options.address + " all the same?",
                                     "nothing was removed");
    if (!sure.ok()) return sure.error();
    if (!*sure) return {};
  }
  const auto answer = context.send("DELETE", "/v1/members/" + url_encode(options.address));
  if (!answer.ok()) return answer.error();
  context.report(options.address + " is no longer a member; its etcd-server may be stopped now",
                 *answer, options.address);
  return {};
}

// ---- leader

base::Status run_leader(Context& context) {
  const auto list = fetch_members(context);
  if (!list.ok()) return list.error();
  if (list->leader.empty()) {
    return base::Error{base::ErrorCode::unavailable, "no_leader",
                       "no instance leads, as far as is known here"};
  }
  const std::string term = std::to_string(list->term);
  if (context.json()) {
    context.out() << json_object(
                         {{"leader", list->leader}, {"term", term, JsonField::Kind::literal}})
                  << "\n";
  } else if (context.raw()) {
    context.out() << harmless(list->leader) << "\n";
  } else {
    context.out() << harmless(list->leader) << " leads, in term " << term << "\n";
  }
  return {};
}

base::Status run_transfer(Context& context, const ClusterOptions& options) {
  const auto checked = check_address(options.address);
  if (!checked.ok()) return checked;
  const auto answer =
      context.send("POST", "/v1/leader", wire::encode(wire::LeaderTransfer{options.address}));
  if (!answer.ok()) return answer.error();
  const auto reply = wire::decode_leader_reply(*answer);
  if (!reply.ok()) return reply.error();
  context.report(reply->leader + " leads now", *answer, reply->leader);
  return {};
}

void add_address(CLI::App& app, const std::shared_ptr<ClusterOptions>& options) {
  app.add_option("HOST:PORT", options->address, "The instance, as the others reach it")->required();
}

}  // namespace

void define_members(CLI::App& app, Context& context) {
  set_examples(app, {"members", "members -o raw | cut -f1", "members --consistency local"});
  set_action(app, context, [&context] { return run_members(context); });
}

void define_member(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"member add 10.0.0.7:2379", "member remove 10.0.0.5:2379"});
  const auto options = std::make_shared<ClusterOptions>();

  CLI::App& add = add_subcommand(app, "add", "take an instance in; start it with the same key");
  add_address(add, options);
  add.add_flag("--learner", options->learner, "It follows for good and never votes");
  set_examples(add, {"member add 10.0.0.7:2379", "member add 10.9.0.2:2379 --learner"});
  set_action(add, context, [&context, options] { return run_add(context, *options); });

  CLI::App& remove = add_subcommand(app, "remove", "take an instance out");
  add_address(remove, options);
  remove.add_flag("-y,--yes", options->yes, "Do not ask, whatever it does to the majority");
  set_examples(remove, {"member remove 10.0.0.5:2379"});
  set_action(remove, context, [&context, options] { return run_remove(context, *options); });
}

void define_leader(CLI::App& app, Context& context) {
  set_examples(app, {"leader", "leader -o raw", "leader transfer 10.0.0.6:2379"});
  const auto options = std::make_shared<ClusterOptions>();

  CLI::App& transfer = add_subcommand(app, "transfer", "let another instance lead");
  add_address(transfer, options);
  set_examples(transfer, {"leader transfer 10.0.0.6:2379"});
  set_action(transfer, context, [&context, options] { return run_transfer(context, *options); });

  // Called for its subcommand, too, and after that one.
  app.callback([&context, &app] {
    if (app.get_subcommands().empty()) {
      context.set_action([&context] { return run_leader(context); });
    }
  });
}

}  // namespace mlguard::cli
