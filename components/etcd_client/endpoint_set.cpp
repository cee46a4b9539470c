#include "endpoint_set.h"

#include <algorithm>
#include <utility>

namespace mlguard::etcd_client {

namespace {

bool contains(const std::vector<TargetPtr>& list, const TargetPtr& target) {
  return std::any_of(list.begin(), list.end(),
                     [&target](const TargetPtr& other) { return other->text() == target->text(); });
}

// As Target::text() has it; empty for what is no endpoint.
std::string canonical(std::string_view text) {
  const auto endpoint = wire::parse_endpoint(text);
  return endpoint.ok() ? endpoint->text() : "";
}

}  // namespace

EndpointSet::EndpointSet(std::vector<wire::Endpoint> configured, Discovery discovery,
                         Introduction introduction, const base::Clock& clock)
    : introduction_(std::move(introduction)), discovery_(discovery), clock_(clock) {
  for (wire::Endpoint& endpoint : configured) {
    configured_.push_back(std::make_shared<Target>(std::move(endpoint), introduction_));
  }
}

std::vector<TargetPtr> EndpointSet::round(Aim aim, const std::vector<TargetPtr>& without) const {
  const std::lock_guard lock(mutex_);
  std::vector<TargetPtr> list = all();
  const Target* first = first_for(aim, list);
  const auto at = std::find_if(list.begin(), list.end(),
                               [first](const TargetPtr& target) { return target.get() == first; });
  if (at != list.end()) std::rotate(list.begin(), at, list.end());
  std::erase_if(list, [&](const TargetPtr& target) { return contains(without, target); });
  std::stable_partition(list.begin(), list.end(),
                        [this](const TargetPtr& target) { return !is_unreachable(*target); });
  const auto is_slow = [this](const TargetPtr& target) {
    return is_unreachable(*target) && target->fails_slowly_;
  };
  if (!std::all_of(list.begin(), list.end(), is_slow)) std::erase_if(list, is_slow);
  return list;
}

std::vector<TargetPtr> EndpointSet::all() const {
  std::vector<TargetPtr> list = configured_;
  list.insert(list.end(), learnt_.begin(), learnt_.end());
  return list;
}

const Target* EndpointSet::first_for(Aim aim, const std::vector<TargetPtr>& list) const {
  if (aim == Aim::nearby) return nearby_.get();
  for (const TargetPtr& target : list) {
    if (target->text() == leader_) return target.get();
  }
  return last_.get();
}

bool EndpointSet::is_unreachable(const Target& target) const {
  return clock_.monotonic_ms() < target.unreachable_until_ms_;
}

void EndpointSet::learn(const wire::HandshakeWelcome& welcome) {
  if (discovery_ == Discovery::fixed) return;
  const std::lock_guard lock(mutex_);
  asked_at_ms_ = clock_.monotonic_ms();
  if (!welcome.endpoints.empty()) {
    is_cluster_ = true;
    replace_learnt(welcome.endpoints);
  }
  leader_.clear();
  set_leader(welcome.leader);
}

void EndpointSet::learn_leader(std::string_view leader) {
  if (discovery_ == Discovery::fixed) return;
  const std::lock_guard lock(mutex_);
  if (leader != leader_) set_leader(leader);
}

void EndpointSet::set_leader(std::string_view leader) {
  const std::string text = canonical(leader);
  if (text.empty()) return;
  leader_ = text;
  const auto known = all();
  const auto is_leader = [&](const TargetPtr& target) { return target->text() == leader_; };
  if (std::any_of(known.begin(), known.end(), is_leader)) return;
  // It joined after the list was made, or the list was too long: it is the one that is needed.
  std::vector<std::string> texts = {leader_};
  for (const TargetPtr& target : learnt_) texts.push_back(target->text());
  replace_learnt(texts);
}

void EndpointSet::replace_learnt(const std::vector<std::string>& texts) {
  std::vector<TargetPtr> next;
  for (const std::string& text : texts) {
    const auto endpoint = wire::parse_endpoint(text);
    if (!endpoint.ok()) continue;
    if (configured_.size() + next.size() >= kEndpointsMax) break;
    const TargetPtr target = find_or_make(*endpoint);
    if (!contains(configured_, target) && !contains(next, target)) next.push_back(target);
  }
  std::erase_if(retired_, [](const auto& weak) { return weak.expired(); });
  for (const TargetPtr& target : learnt_) {
    if (contains(next, target)) continue;
    retired_.push_back(target);
    if (nearby_ == target) nearby_.reset();
  }
  learnt_ = std::move(next);
}

TargetPtr EndpointSet::find_or_make(const wire::Endpoint& endpoint) {
  const std::string text = endpoint.text();
  for (const TargetPtr& target : all()) {
    if (target->text() == text) return target;
  }
  auto made = std::make_shared<Target>(endpoint, introduction_);
  if (stopped_) made->pool.stop();
  return made;
}

bool EndpointSet::should_ask_for_leader() const {
  const std::lock_guard lock(mutex_);
  return is_cluster_ && leader_.empty() &&
         clock_.monotonic_ms() - asked_at_ms_ >= kAskForLeaderEvery.count();
}

void EndpointSet::answered(const TargetPtr& target, Aim aim) {
  const std::lock_guard lock(mutex_);
  target->unreachable_until_ms_ = 0;
  last_ = target;
  if (aim == Aim::nearby || !nearby_) nearby_ = target;
}

void EndpointSet::unreachable(const TargetPtr& target, milliseconds took) {
  const std::lock_guard lock(mutex_);
  target->unreachable_until_ms_ = clock_.monotonic_ms() + kUnreachableFor.count();
  target->fails_slowly_ = took >= kSlowFailure;
  if (target->text() == leader_) leader_.clear();
}

void EndpointSet::not_leading(const TargetPtr& target) {
  const std::lock_guard lock(mutex_);
  if (target->text() == leader_) leader_.clear();
}

void EndpointSet::leave_nearby() {
  const std::lock_guard lock(mutex_);
  const std::vector<TargetPtr> list = all();
  const auto at = std::find(list.begin(), list.end(), nearby_);
  if (at == list.end()) return;
  nearby_ = std::next(at) == list.end() ? list.front() : *std::next(at);
}

void EndpointSet::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const TargetPtr& target : all()) target->pool.stop();
  for (const auto& weak : retired_) {
    if (const TargetPtr target = weak.lock()) target->pool.stop();
  }
}

TargetPtr EndpointSet::last_answered() const {
  const std::lock_guard lock(mutex_);
  return last_ ? last_ : configured_.front();
}

std::string EndpointSet::text() const {
  std::string list;
  for (const std::string& one : texts()) {
    if (!list.empty()) list += ", ";
    list += one;
  }
  return list;
}

std::vector<std::string> EndpointSet::texts() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> list;
  for (const TargetPtr& target : all()) list.push_back(target->text());
  return list;
}

}  // namespace mlguard::etcd_client
