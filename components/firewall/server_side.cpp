#include "firewall/server_side.h"

#include <utility>

#include "base/logging.h"
#include "firewall/host_addresses.h"

namespace mlguard::firewall {
namespace {

constexpr std::chrono::milliseconds kWaitMost{200};
constexpr std::chrono::seconds kLookEvery{5};
constexpr std::chrono::seconds kFullEvery{5};
// Many firewalls follow the same rules, and each report is a write at the leader.
constexpr std::chrono::milliseconds kReportEvery{250};
constexpr std::chrono::seconds kReportAgain{1};

}  // namespace

ServerSide::ServerSide(LiveFirewall& firewall, etcd_client::Client& client, std::string component)
    : firewall_(firewall), client_(client), component_(std::move(component)) {
  thread_ = std::thread([this] { run(); });
}

ServerSide::~ServerSide() {
  stopping_ = true;
  thread_.join();
}

void ServerSide::run() {
  // Before the first rule that could cut it off.
  look_for_control_plane();
  follow(firewall_.known_revision());
  while (!stopping_) {
    firewall_.wait_for_news(kWaitMost);
    const auto now = Clock::now();
    must_begin_anew_ = firewall_.take_wants_all() || must_begin_anew_;
    if (must_begin_anew_ && now >= full_at_) follow(0);
    if (now >= look_at_) look_for_control_plane();
    for (std::string& repair : firewall_.take_repairs()) repairs_.push_back(std::move(repair));
    if (now >= report_at_) report();
  }
  rules_.reset();
}

void ServerSide::follow(std::uint64_t after) {
  rules_.reset();
  must_begin_anew_ = false;
  full_at_ = Clock::now() + kFullEvery;
  rules_ =
      client_.follow_rules(after, [this](base::RuleSet set) { firewall_.rules(std::move(set)); });
}

void ServerSide::look_for_control_plane() {
  look_at_ = Clock::now() + kLookEvery;
  auto found = endpoint_addresses(client_.endpoints());
  // None: the resolver is away. What is known stays.
  if (!found.empty()) firewall_.control_plane_is_at(found);
}

void ServerSide::report() {
  const auto in_force = firewall_.in_force();
  if (!in_force || (in_force == reported_ && repairs_.empty())) return;
  base::Applied applied;
  applied.component = component_;
  applied.resource = "rules";
  applied.revision = in_force->revision;
  applied.digest = in_force->digest;
  if (!repairs_.empty()) applied.note = repairs_.front().substr(0, base::kCommentCharsMax);
  const auto told = client_.report_applied(applied);
  report_at_ = Clock::now() + (told.ok() ? kReportEvery : kReportAgain);
  if (!told.ok()) {
    base::log_debug("could not report the rules in force", {{"problem", told.error().message}});
    return;
  }
  reported_ = in_force;
  if (!repairs_.empty()) repairs_.erase(repairs_.begin());
}

}  // namespace mlguard::firewall
