#include "watches.h"

#include <charconv>
#include <utility>

#include "replies.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

std::string long_poll_wait(milliseconds wait) { return std::to_string(wait.count()) + "ms"; }

bool is_passing(const base::Error& error) {
  return error.code == base::ErrorCode::unavailable || error.code == base::ErrorCode::timeout;
}

}  // namespace

base::Result<FetchedConfig> fetch_config(Caller& caller, const std::string& component,
                                         std::uint64_t version, Canceller* canceller) {
  Call call;
  call.target = "/v1/config/" + component;
  if (version != 0) call.target += "/versions/" + std::to_string(version);
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

base::Result<base::RuleSet> fetch_rules(Caller& caller, std::uint64_t after, milliseconds wait,
                                        Canceller* canceller) {
  Call call;
  call.target = "/v1/rules/stream?after=" + std::to_string(after) + "&wait=" + long_poll_wait(wait);
  call.hold = wait;
  call.canceller = canceller;
  auto message = expect_ok(caller.call(std::move(call)));
  if (!message.ok()) return std::move(message).error();
  return wire::decode_rule_set(message->body);
}

ConfigWatch::ConfigWatch(Caller& caller, std::string component, Changed changed)
    : caller_(caller), component_(std::move(component)), changed_(std::move(changed)) {}

base::Status ConfigWatch::poll(Canceller& canceller) {
  return must_read_ ? read(canceller) : wait(canceller);
}

base::Status ConfigWatch::read(Canceller& canceller) {
  const auto fetched = fetch_config(caller_, component_, 0, &canceller);
  if (!fetched.ok() && fetched.error().code != base::ErrorCode::not_found) return fetched.error();
  if (fetched.ok() && fetched->seen_revision != 0) {
    if (fetched->seen_revision < must_see_) {
      return base::Error{base::ErrorCode::unavailable, "behind",
                         "this endpoint has not seen the change yet"};
    }
    // Only the first read sets the mark: later ones go by what the watch itself has said.
    if (after_ == 0) after_ = fetched->seen_revision;
  }
  must_read_ = false;
  if (!fetched.ok()) {
    told_version_ = 0;
  } else if (fetched->config.version != told_version_ && !canceller.cancelled()) {
    told_version_ = fetched->config.version;
    changed_(fetched->config);
  }
  return {};
}

base::Status ConfigWatch::wait(Canceller& canceller) {
  Call call;
  call.target = "/v1/watch?after=" + std::to_string(after_) + "&resource=config/" + component_ +
                "&wait=" + long_poll_wait(kLongPoll);
  call.hold = kLongPoll;
  call.canceller = &canceller;
  const auto message = expect_ok(caller_.call(std::move(call)));
  if (!message.ok()) {
    if (is_passing(message.error())) return message.error();
    // The log no longer reaches back to after_, or the state was restored: begin anew.
    must_read_ = true;
    after_ = 0;
    must_see_ = 0;
    return message.error();
  }
  const auto list = wire::decode_changes(message->body);
  if (!list.ok()) return list.error();
  const bool went_back = list->revision < after_;
  must_read_ = went_back || !list->changes.empty();
  must_see_ = list->revision;
  after_ = list->revision;
  return {};
}

RulesWatch::RulesWatch(Caller& caller, std::uint64_t after, Changed changed)
    : caller_(caller), changed_(std::move(changed)), after_(after) {}

base::Status RulesWatch::poll(Canceller& canceller) {
  const auto set = fetch_rules(caller_, after_, kLongPoll, &canceller);
  if (!set.ok()) {
    if (!is_passing(set.error())) after_ = 0;  // Full again, when it works again.
    return set.error();
  }
  if (!set->full && set->revision < after_) {
    after_ = 0;  // The state was restored to an earlier one: differences mean nothing now.
    return {};
  }
  after_ = set->revision;
  const bool changed = set->full || !set->rules.empty() || !set->removed.empty();
  if (changed && !canceller.cancelled()) changed_(*set);
  return {};
}

}  // namespace mlguard::etcd_client
