#include "db/write_queue.h"

#include <chrono>
#include <variant>

#include "db/store.h"

namespace mlguard::db {

namespace {
constexpr std::size_t kRowBytesGuess = 512;  // a rule, detection or heartbeat with its overhead
}

std::size_t weight_of(const Command& command) {
  if (const auto* put = std::get_if<PutConfig>(&command)) {
    return kRowBytesGuess + put->document.size();
  }
  if (const auto* put = std::get_if<PutRules>(&command)) {
    return kRowBytesGuess * (1 + put->rules.size());
  }
  if (const auto* put = std::get_if<PutDetections>(&command)) {
    std::size_t bytes = kRowBytesGuess;
    for (const base::Detection& each : put->detections)
      bytes += kRowBytesGuess + each.detail.size();
    return bytes;
  }
  return kRowBytesGuess;
}

PushOutcome WriteQueue::push(PendingWrite& pending) {
  pending.bytes = weight_of(pending.write.command);
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return PushOutcome::closed;
    if (waiting_.size() >= kWriteQueueCommandsMax || bytes_ + pending.bytes > kWriteQueueBytesMax) {
      return PushOutcome::full;
    }
    bytes_ += pending.bytes;
    waiting_.push_back(std::move(pending));
  }
  arrived_.notify_one();
  return PushOutcome::queued;
}

std::vector<PendingWrite> WriteQueue::take(std::int64_t wait_ms) {
  std::vector<PendingWrite> group;
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                    [this] { return closed_ || !waiting_.empty(); });
  std::size_t bytes = 0;
  while (!waiting_.empty() && group.size() < kWriteGroupCommandsMax &&
         (group.empty() || bytes + waiting_.front().bytes <= kWriteGroupBytesMax)) {
    bytes += waiting_.front().bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  bytes_ -= bytes;
  return group;
}

void WriteQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

bool WriteQueue::drained() const {
  const std::lock_guard lock(mutex_);
  return closed_ && waiting_.empty();
}

std::size_t WriteQueue::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace mlguard::db
