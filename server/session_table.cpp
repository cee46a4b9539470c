#include "server/session_table.h"

#include <algorithm>
#include <utility>

namespace mlguard::server {

bool Session::wait_for_enrolment(std::function<void(const base::Status&)> then) {
  const std::lock_guard lock(mutex_);
  if (state != State::enrolling) return false;
  after_enrolment_.push_back(std::move(then));
  return true;
}

void Session::enrolled(const base::Status& status) {
  std::vector<std::function<void(const base::Status&)>> waiting_for_it;
  {
    const std::lock_guard lock(mutex_);
    state = status.ok() ? State::ready : State::ended;
    waiting_for_it.swap(after_enrolment_);
  }
  for (const auto& then : waiting_for_it) then(status);
}

SessionTable::SessionTable(const SessionLimits& limits, const base::Clock& clock, OnEnd on_end)
    : limits_(limits), clock_(clock), on_end_(std::move(on_end)) {}

base::Status SessionTable::add(const Pointer& session, std::uint64_t epoch) {
  Ended ended;
  base::Status status;
  {
    const std::unique_lock lock(mutex_);
    const std::int64_t now = clock_.monotonic_ms();
    make_room(session->identity.key, now, ended);
    if (epoch != epoch_) {
      status = base::Error{base::ErrorCode::unavailable, "revoked_meanwhile",
                           "a key was revoked during the handshake: try again"};
    } else if (by_id_.size() >= limits_.sessions_max) {
      status = base::Error{base::ErrorCode::resource_exhausted, "too_many_sessions",
                           "this server holds as many sessions as it can: try another endpoint, or "
                           "later"};
    } else {
      session->last_use_ms = now;
      by_id_.emplace(session->id(), session);
      by_key_[session->identity.key].push_back(session);
    }
  }
  tell(ended);
  return status;
}

SessionTable::Pointer SessionTable::find(std::string_view id) {
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  found->second->last_use_ms.store(clock_.monotonic_ms(), std::memory_order_relaxed);
  return found->second;
}

std::size_t SessionTable::end_of_key(const std::string& key) {
  Ended ended;
  {
    const std::unique_lock lock(mutex_);
    ++epoch_;
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      const std::vector<Pointer> sessions = found->second;
      for (const Pointer& session : sessions) remove(session, ended);
    }
  }
  tell(ended);
  return ended.size();
}

void SessionTable::end(const Pointer& session) {
  Ended ended;
  {
    const std::unique_lock lock(mutex_);
    remove(session, ended);
  }
  tell(ended);
}

bool SessionTable::idle(const Session& session, std::int64_t now_ms) const {
  if (session.waiting > 0 || session.pending > 0) return false;
  const std::int64_t idle_max =
      session.state == Session::State::unproven ? limits_.unproven_idle_ms : limits_.idle_ms;
  return now_ms - session.last_use_ms > idle_max;
}

void SessionTable::expire() {
  Ended ended;
  {
    const std::unique_lock lock(mutex_);
    const std::int64_t now = clock_.monotonic_ms();
    std::vector<Pointer> expired;
    for (const auto& [id, session] : by_id_) {
      if (idle(*session, now)) expired.push_back(session);
    }
    for (const Pointer& session : expired) remove(session, ended);
  }
  tell(ended);
}

std::size_t SessionTable::size() const {
  const std::shared_lock lock(mutex_);
  return by_id_.size();
}

void SessionTable::remove(const Pointer& session, Ended& ended) {
  const auto found = by_id_.find(session->id());
  if (found == by_id_.end() || found->second != session) return;
  const auto key = by_key_.find(session->identity.key);
  std::erase(key->second, session);
  if (key->second.empty()) by_key_.erase(key);
  ended.push_back(session);
  by_id_.erase(found);
  session->state = Session::State::ended;
}

void SessionTable::make_room(const std::string& key, std::int64_t now_ms, Ended& ended) {
  const auto own = by_key_.find(key);
  if (own != by_key_.end() && own->second.size() >= limits_.per_key_max) {
    remove_oldest_of(key, ended);
  }
  if (by_id_.size() < limits_.sessions_max) return;
  // Handshakes that went no further give way first: a replayed message 1 makes such sessions.
  std::vector<Pointer> unproven;
  for (const auto& [id, session] : by_id_) {
    const bool fresh = now_ms - session->last_use_ms < 1'000;
    if (session->state == Session::State::unproven && !fresh) unproven.push_back(session);
  }
  for (const Pointer& session : unproven) remove(session, ended);
}

void SessionTable::remove_oldest_of(const std::string& key, Ended& ended) {
  const std::vector<Pointer>& sessions = by_key_.at(key);
  const auto oldest = std::min_element(
      sessions.begin(), sessions.end(),
      [](const Pointer& a, const Pointer& b) { return a->last_use_ms < b->last_use_ms; });
  remove(Pointer(*oldest), ended);  // Kept while it is taken out of the list.
}

void SessionTable::tell(const Ended& ended) const {
  if (!on_end_) return;
  for (const Pointer& session : ended) on_end_(session);
}

}  // namespace mlguard::server
