#include "watches.h"

#include <utility>

#include "replies.h"
#include "rule_pages.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

std::string long_poll_wait(milliseconds wait) { return std::to_string(wait.count()) + "ms"; }

base::Error behind() {
  return {base::ErrorCode::unavailable, kReasonBehind,
          "this instance has not caught up with what is known already"};
}

}  // namespace

base::Error Lag::wait(Caller& caller) {
  ++behind_;
  caller.leave_nearby();
  return behind();
}

base::Error Lag::ask_leader() {
  behind_ = kBehindMax;
  return behind();
}

base::Result<FetchedConfig> fetch_config(Caller& caller, const std::string& component,
                                         std::uint64_t version,
                                         std::optional<Consistency> consistency,
                                         Canceller* canceller) {
  Call call;
  call.target = "/v1/config/" + component;
  if (version != 0) call.target += "/versions/" + std::to_string(version);
  call.consistency = consistency;
  call.canceller = canceller;
  auto message = expect_ok(caller.call(std::move(call)));
  if (!message.ok()) return std::move(message).error();
  FetchedConfig fetched;
  fetched.seen_revision = number_field(*message, wire::kFieldRevision);
  fetched.config.component = component;
  fetched.config.version = number_field(*message, wire::kFieldVersion);
  if (const std::string* sha256 = message->field(wire::kFieldSha256)) {
    fetched.config.sha256 = *sha256;
  }
  if (fetched.config.version == 0) {
    return base::Error{base::ErrorCode::internal, "bad_answer",
                       "the server sent a configuration without its version; is it older or newer "
                       "than this program?"};
  }
  fetched.config.revision = fetched.seen_revision;
  fetched.config.active = version == 0;
  fetched.config.document = std::move(message->body);
  return fetched;
}

ConfigWatch::ConfigWatch(Caller& caller, std::string component, Changed changed)
    : caller_(caller), component_(std::move(component)), changed_(std::move(changed)) {}

base::Status ConfigWatch::poll(Canceller& canceller) {
  return must_read_ ? read(canceller) : wait(canceller);
}

base::Status ConfigWatch::read(Canceller& canceller) {
  const auto fetched = fetch_config(caller_, component_, 0, lag_.consistency(), &canceller);
  const bool found = fetched.ok();
  if (!found && fetched.error().code != base::ErrorCode::not_found) return fetched.error();
  // Was it removed, or has this instance not seen it yet? The error does not say what it has seen.
  if (!found && must_see_ != 0 && !lag_.asks_leader()) return lag_.ask_leader();
  if (found && fetched->seen_revision != 0) {
    if (fetched->seen_revision < must_see_) {
      if (!lag_.asks_leader()) return lag_.wait(caller_);
      after_ = 0;
    }
    // Only the first read sets the mark: later ones go by what the watch itself has said.
    if (after_ == 0) after_ = fetched->seen_revision;
  }
  lag_.caught_up();
  must_read_ = false;
  must_see_ = after_;
  if (!found) {
    told_version_ = 0;
  } else if (fetched->config.version != told_version_ && !canceller.cancelled()) {
    told_version_ = fetched->config.version;
    changed_(fetched->config);
  }
  return {};
}

base::Status ConfigWatch::wait(Canceller& canceller) {
  const milliseconds hold = lag_.asks_leader() ? milliseconds(0) : kLongPoll;
  Call call;
  call.target = "/v1/watch?after=" + std::to_string(after_) + "&resource=config/" + component_ +
                "&wait=" + long_poll_wait(hold);
  call.hold = hold;
  call.consistency = lag_.consistency();
  call.canceller = &canceller;
  const auto message = expect_ok(caller_.call(std::move(call)));
  if (!message.ok()) return read_again(message.error());
  const auto list = wire::decode_changes(message->body);
  if (!list.ok()) return list.error();
  const bool went_back = list->revision < after_;
  if (went_back && !lag_.asks_leader()) return lag_.wait(caller_);
  lag_.caught_up();
  must_read_ = went_back || !list->changes.empty();
  must_see_ = list->revision;
  after_ = list->revision;
  return {};
}

// After a wait that failed. Unless that passes by itself, the log no longer reaches back to after_,
// or not yet up to it: the present state tells more, if it is no older than what is known.
base::Status ConfigWatch::read_again(const base::Error& error) {
  if (is_passing(error)) return error;
  must_read_ = true;
  must_see_ = after_;
  after_ = 0;
  return error.reason == "compacted" ? behind() : error;
}

RulesWatch::RulesWatch(Caller& caller, std::uint64_t after, Changed changed)
    : caller_(caller), changed_(std::move(changed)), after_(after), must_see_(after) {}

base::Status RulesWatch::poll(Canceller& canceller) {
  const milliseconds hold = lag_.asks_leader() ? milliseconds(0) : kLongPoll;
  auto set = fetch_rules(caller_, {after_, hold, lag_.consistency()}, &canceller);
  if (!set.ok()) {
    if (!is_passing(set.error())) after_ = 0;  // Full again, when it works again.
    return set.error();
  }
  const bool went_back = set->revision < must_see_;
  if (went_back && !lag_.asks_leader()) return lag_.wait(caller_);
  lag_.caught_up();
  must_see_ = set->revision;
  if (went_back && !set->full) {
    after_ = 0;  // The state was restored to an earlier one: differences mean nothing now.
    return {};
  }
  after_ = set->revision;
  const bool changed = set->full || !set->rules.empty() || !set->removed.empty();
  if (changed && !canceller.cancelled()) changed_(std::move(*set));
  return {};
}

}  // namespace mlguard::etcd_client
