#include "server/long_poll.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace mlguard::server {

namespace {

using base::ErrorCode;
using base::Result;

// What was seen is committed within milliseconds, or there is no majority.
constexpr std::int64_t kCommitWaitMs = 5'000;

struct Polling {
  ExchangePtr exchange;
  LongPoll poll;
  std::int64_t deadline_ms = 0;
};

enum class Turn { first, woken, last };

void look_once(ApiContext& api, const std::shared_ptr<Polling>& polling, Turn turn);

void wait_for_change(ApiContext& api, const std::shared_ptr<Polling>& polling, std::uint64_t seen,
                     std::int64_t left_ms) {
  WatchHub::Wait wait;
  wait.resource = polling->poll.resource;
  wait.seen = seen;
  wait.timeout_ms = left_ms;
  wait.owner = polling->exchange->session().get();
  wait.callback = [&api, polling](WakeReason reason) {
    polling->exchange->end_waiting();
    if (reason == WakeReason::ended) {
      return polling->exchange->fail(
          {ErrorCode::unauthenticated, "revoked", "this session has ended: its key was revoked"});
    }
    const Turn turn = reason == WakeReason::changed ? Turn::woken : Turn::last;
    if (!api.pool.run([&api, polling, turn] { look_once(api, polling, turn); })) {
      polling->exchange->fail({ErrorCode::unavailable, "busy", "the server is busy: try again"});
    }
  };
  polling->exchange->begin_waiting();
  if (!api.hub.wait(std::move(wait))) {
    polling->exchange->fail({ErrorCode::resource_exhausted, "too_many_waiting",
                             "too many long polls wait here: try another endpoint, or later"});
  }
}

// Nobody may act on what may vanish: the answer waits until all that was seen is committed.
void hand_out(ApiContext& api, const std::shared_ptr<Polling>& polling, Look look,
              std::int64_t left_ms) {
  auto kept = std::make_shared<Look>(std::move(look));
  const std::int64_t wait_ms = std::max(left_ms, kCommitWaitMs);
  api.engine.when_committed(kept->seen, wait_ms, [&api, polling, kept](const base::Status& done) {
    if (!done) return polling->exchange->fail(done.error());
    add_revision(api, kept->answer, kept->seen);
    polling->exchange->reply(std::move(kept->answer));
  });
}

void look_once(ApiContext& api, const std::shared_ptr<Polling>& polling, Turn turn) {
  Result<std::unique_ptr<db::Reader>> reader = api.engine.read();
  if (!reader) return polling->exchange->fail(reader.error());
  Result<Look> look = polling->poll.look(**reader);
  if (!look) return polling->exchange->fail(look.error());
  const std::int64_t left_ms = polling->deadline_ms - api.clock.monotonic_ms();
  if (look->something_new || turn == Turn::last || left_ms <= 0) {
    reader->reset();
    return hand_out(api, polling, std::move(*look), std::max<std::int64_t>(left_ms, 0));
  }
  reader->reset();
  wait_for_change(api, polling, look->seen, left_ms);
}

}  // namespace

void long_poll(ApiContext& api, const ExchangePtr& exchange, LongPoll poll) {
  auto polling = std::make_shared<Polling>();
  polling->exchange = exchange;
  polling->deadline_ms = api.clock.monotonic_ms() + poll.wait_ms;
  polling->poll = std::move(poll);
  look_once(api, polling, Turn::first);
}

}  // namespace mlguard::server
