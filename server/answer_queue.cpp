#include "server/answer_queue.h"

#include <sys/eventfd.h>

#include <utility>

#include "base/logging.h"

namespace mlguard::server {

AnswerQueue::AnswerQueue() : wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void AnswerQueue::own(Direct direct) {
  direct_ = std::move(direct);
  owner_ = std::this_thread::get_id();
}

void AnswerQueue::push(std::uint64_t ticket, Make make) {
  if (owner_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    if (direct_) direct_(ticket, make);
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    first = items_.empty();
    items_.push_back({ticket, std::move(make)});
  }
  // Only the first item of a batch wakes the loop: take() empties the whole queue.
  if (first) eventfd_write(wake_fd_.get(), 1);
}

std::vector<AnswerQueue::Item> AnswerQueue::take() {
  // The eventfd is cleared before the queue is: a push in between wakes the loop once more, for
  // nothing, which is harmless; the other order could lose a wake-up.
  eventfd_t ignored = 0;
  (void)eventfd_read(wake_fd_.get(), &ignored);
  std::vector<Item> taken;
  const std::lock_guard lock(mutex_);
  taken.swap(items_);
  return taken;
}

void AnswerQueue::close() {
  direct_ = nullptr;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  items_.clear();
}

Responder::Responder(std::shared_ptr<AnswerQueue> queue, std::uint64_t ticket)
    : queue_(std::move(queue)), ticket_(ticket) {}

Responder::~Responder() {
  if (queue_ == nullptr) return;
  base::log_error("a request was dropped without an answer");
  answer({.status = 500,
          .body = R"({"status":"error","error":"internal","message":"the server lost track of )"
                  R"(this request; report this, and retry"})"});
}

void Responder::answer(HttpAnswer answer) {
  answer_with([answer = std::move(answer)] { return answer; });
}

void Responder::answer_with(std::function<HttpAnswer()> make) {
  if (queue_ == nullptr) return;
  const std::shared_ptr<AnswerQueue> queue = std::move(queue_);
  queue_ = nullptr;
  queue->push(ticket_, std::move(make));
}

}  // namespace mlguard::server
