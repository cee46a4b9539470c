// ml-guard verify: is the state what its history says, and do all instances have the same?
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/instance_check.h"
#include "cli/listing.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {
namespace {

using std::chrono::milliseconds;
using Verdict = InstanceCheck::Verdict;

// The whole state is read.
constexpr std::chrono::minutes kTimeAllowed{10};
// While writes go on, instances are at one revision for a moment only: they are looked at so often,
// and so long.
constexpr milliseconds kLookEvery{50};
constexpr milliseconds kLookFor{5'000};
constexpr milliseconds kStatusTimeout{2'000};
constexpr std::size_t kDigestCharsShown = 12;

// ---- The instances against each other

base::Result<std::vector<wire::MemberInfo>> members_leader_first(Context& context) {
  auto answer = context.get("/v1/members");
  if (!answer.ok()) {
    // An older server, which is alone.
    if (answer.error().code == base::ErrorCode::not_found) return std::vector<wire::MemberInfo>();
    return answer.error();
  }
  auto list = wire::decode_members(*answer);
  if (!list.ok()) return list.error();
  std::stable_partition(list->members.begin(), list->members.end(),
                        [](const wire::MemberInfo& member) { return member.leader; });
  return std::move(list->members);
}

base::Result<wire::NodeStatus> status_of(etcd_client::Client& client) {
  const auto body = get_body(client, "/status");
  if (!body.ok()) return body.error();
  return wire::decode_node_status(*body);
}

// Asks each instance itself, again and again, until all were seen to agree or time is over.
base::Result<InstanceCheck> compare_instances(Context& context) {
  const auto members = members_leader_first(context);
  if (!members.ok()) return members.error();
  InstanceCheck check(*members);
  if (members->size() < 2) return check;
  std::vector<std::unique_ptr<etcd_client::Client>> clients;
  for (const wire::MemberInfo& member : *members) {
    auto client = context.open_pinned({member.address}, kStatusTimeout);
    if (!client.ok()) return client.error();
    clients.push_back(std::move(*client));
  }
  const auto ends = std::chrono::steady_clock::now() + kLookFor;
  for (;;) {
    for (std::size_t i = 0; i < clients.size(); ++i) check.observe(i, status_of(*clients[i]));
    if (check.all_agree() || std::chrono::steady_clock::now() >= ends) return check;
    std::this_thread::sleep_for(kLookEvery);
  }
}

std::string remark_on(const InstanceCheck::Instance& one, std::uint64_t highest) {
  if (!one.problem.empty() && one.verdict != Verdict::agrees) return one.problem;
  const std::uint64_t behind = highest - one.status.revision;
  if (one.verdict != Verdict::not_met) return "";
  return behind > 0 ? grouped(behind) + " behind" : "was never seen at the revision of another";
}

Table instance_table(const InstanceCheck& check) {
  Table table({shrinking_column("INSTANCE"), text_column("ROLE"), number_column("REVISION"),
               text_column("DIGEST"), text_column("RESULT"), shrinking_column("")});
  for (const InstanceCheck::Instance& one : check.instances()) {
    const bool answered = one.verdict != Verdict::no_answer;
    const Tone tone = one.verdict == Verdict::agrees    ? Tone::good
                      : one.verdict == Verdict::differs ? Tone::bad
                                                        : Tone::warning;
    table.add_row({one.address,
                   one.status.role,
                   answered ? grouped(one.status.revision) : "",
                   one.status.state_digest.substr(0, kDigestCharsShown),
                   {to_string(one.verdict), tone},
                   remark_on(one, check.highest_revision())});
  }
  return table;
}

nlohmann::ordered_json instances_json(const InstanceCheck& check) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const InstanceCheck::Instance& one : check.instances()) {
    list.push_back({{"address", one.address},
                    {"result", to_string(one.verdict)},
                    {"role", one.status.role},
                    {"revision", one.status.revision},
                    {"digest", one.status.digest},
                    {"state_digest", one.status.state_digest},
                    {"remark", remark_on(one, check.highest_revision())}});
  }
  return list;
}

base::Status verdict_on(const InstanceCheck& check) {
  if (check.instances().size() < 2 || check.all_agree()) return {};
  std::string remarks;
  for (const InstanceCheck::Instance& one : check.instances()) {
    if (one.verdict == Verdict::agrees) continue;
    remarks += (remarks.empty() ? "" : "; ") + one.address + ": " + to_string(one.verdict);
    const std::string remark = remark_on(one, check.highest_revision());
    if (!remark.empty()) remarks += " (" + harmless(remark) + ")";
  }
  if (check.any_differs()) {
    return base::Error{base::ErrorCode::corrupt, "instances_differ",
                       "the instances do not have the same state: " + remarks +
                           ". One that was cut off with changes of its own merges them when it "
                           "hears the leader again; if it does and still differs, stop it, move "
                           "its data folder away and start it anew"};
  }
  return base::Error{base::ErrorCode::internal, "not_compared",
                     "not every instance could be compared: " + remarks};
}

// ---- One instance against its own history

void print_report(Context& context, const std::string& report, bool good, bool all_agree) {
  const auto number = [&](const char* key) { return grouped(to_number(field_of(report, key))); };
  const std::string entries = number("entries_checked");
  context.out() << "history   "
                << (entries == "0"
                        ? "nothing has happened yet"
                        : entries + " entries, revision " + number("first_revision") + " to " +
                              number("last_revision") + ", each digest recomputed")
                << "\nrows      " << number("rows_checked")
                << " rows, each hashed; their sum is the state digest\ndigest    "
                << harmless(field_of(report, "state_digest"))
                << "\nstructure checked by SQLite\nresult    "
                << (!good       ? context.painted("the state is damaged", Tone::bad)
                    : all_agree ? context.painted("everything agrees", Tone::good)
                                : context.painted("sound here, but not seen to be everywhere",
                                                  Tone::warning))
                << "\n";
}

void print_raw(Context& context, const std::string& report, const InstanceCheck& check) {
  for (const char* key : {"entries_checked", "rows_checked", "first_revision", "last_revision",
                          "state_digest", "problems"}) {
    context.out() << key << "\t" << harmless(field_of(report, key)) << "\n";
  }
  for (const InstanceCheck::Instance& one : check.instances()) {
    context.out() << "instance\t" << harmless(one.address) << "\t" << to_string(one.verdict) << "\t"
                  << one.status.revision << "\t" << harmless(one.status.state_digest) << "\n";
  }
}

void print_json(Context& context, const std::string& report, const InstanceCheck& check) {
  auto json = nlohmann::ordered_json::parse(report, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) json["instances"] = instances_json(check);
  context.out() << pretty_json(json.is_object() ? json.dump() : report);
}

base::Status run_verify(Context& context) {
  context.allow_time(kTimeAllowed);
  const auto report = context.get("/v1/verify");
  if (!report.ok()) return report.error();
  const auto check = compare_instances(context);
  if (!check.ok()) return check.error();
  const std::string problems = field_of(*report, "problems");
  const bool good = problems.empty() || problems == "[]";
  const base::Status instances = verdict_on(*check);
  if (context.json()) {
    print_json(context, *report, *check);
  } else if (context.raw()) {
    print_raw(context, *report, *check);
  } else {
    if (check->instances().size() > 1) {
      context.print(instance_table(*check), "");
      context.out() << "\n";
    }
    print_report(context, *report, good, instances.ok());
  }
  if (good) return instances;
  return base::Error{
      base::ErrorCode::corrupt, "verify_failed",
      "the state is damaged: " + harmless(problems) +
          ". Keep a backup of the data folder as it is, then restore an earlier one"};
}

}  // namespace

void define_verify(CLI::App& app, Context& context) {
  set_examples(app, {"verify", "verify --timeout 5m", "verify -o json"});
  set_action(app, context, [&context] { return run_verify(context); });
}

}  // namespace mlguard::cli
