// QuestionBoard: questions on their way from an operator to a rag component, and answers on their
// way back, in the leader's memory only: with the leadership, all of them go.
//
// A question is offered until a rag takes it; when that one says nothing for a while, or asks for
// the next, it is offered again. Its answer is kept for a while, so that what it proposes can be
// approved. Everything is bounded: how many are open, over all and for each asker; how fast one may
// ask; how long each lives.
//
// Threads: any. Long polls wait on hub(), for the resources of next() and of().
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/rate_limiter.h"
#include "server/session_table.h"
#include "server/watch_hub.h"
#include "wire/question_relay.h"

namespace mlguard::server {

inline constexpr std::size_t kQuestionsOpenMax = 64;
inline constexpr std::size_t kQuestionsOpenPerAskerMax = 4;
inline constexpr std::size_t kQuestionsKeptMax = 128;  // Answered ones included.
inline constexpr RateLimit kQuestionsPerAsker = {.per_second = 2, .burst = 30};
inline constexpr std::uint64_t kAttemptsMax = 3;
// A rag that does not come back within this time after its last poll is not there.
inline constexpr std::int64_t kRagGraceMs = 3'000;
// So long a question waits for a rag, when there is one or the leader is new.
inline constexpr std::int64_t kUntakenMsMax = 15'000;
// A rag that answers gives a sign of life every second.
inline constexpr std::int64_t kSilenceMsMax = 5'000;
// Longer than any endpoint may take (answer.timeout_s of rag's configuration).
inline constexpr std::int64_t kAnsweringMsMax = 15LL * 60 * 1'000;
inline constexpr std::int64_t kAnsweredMsMax = 10LL * 60 * 1'000;

class QuestionBoard {
 public:
  explicit QuestionBoard(const base::Clock& clock);

  // In which term this instance leads; 0: it does not. Another term begins with an empty board.
  void lead(std::uint64_t term);
  // What times out; call it once a second.
  void tick();
  void stop();

  // For the long polls: what happened so far, and where to wait for more.
  std::uint64_t changes() const;
  bool stopped() const;
  WatchHub& hub() { return hub_; }
  static std::string next() { return "questions/next"; }
  static std::string of(const std::string& id) { return "questions/" + id; }

  // The id. Errors: unavailable / "no_rag"; resource_exhausted / "too_many_questions".
  base::Result<std::string> ask(wire::Question question, const Identity& asker);
  // The oldest question that is offered. Whoever asks holds none: what the same key had taken is
  // offered again. It will ask again within `wait_ms`, or is gone.
  std::optional<wire::QuestionTask> take(const std::string& rag, std::int64_t wait_ms);
  // Errors: not_found / "no_question"; conflict / "not_yours"; invalid_argument / "part_missing";
  // too_large.
  base::Status answer(const std::string& id, const std::string& rag, wire::AnswerPart part);
  // What came after that part of that attempt. Errors: not_found / "no_question", for another's
  // question, too; why it will not be answered.
  base::Result<wire::QuestionNews> news(const std::string& id, const std::string& asker,
                                        std::uint64_t attempt, std::uint64_t after);

  struct Approval {
    wire::Question question;
    wire::Proposal proposal;
  };
  // Whether the answer proposed just this. Errors: not_found / "no_question"; conflict /
  // "not_proposed", "already_approved" (unless by the same request).
  base::Result<Approval> approve(const std::string& id, const std::string& asker,
                                 const wire::Proposal& proposal, const std::string& request_id);

 private:
  struct Entry {
    wire::Question question;
    std::string asker;          // Its key …
    std::string rag;            // … and that of whom it was handed to; empty: it is offered.
    std::uint64_t number = 0;   // In the order of asking.
    std::uint64_t attempt = 0;  //
    std::int64_t since_ms = 0;  // Offered, taken or answered.
    std::int64_t heard_ms = 0;  // The last sign of life.
    std::vector<std::string> parts;
    std::size_t part_bytes = 0;
    std::optional<wire::Answer> answer;
    std::optional<base::Error> failure;
    std::string approved_by_request;
    bool open() const { return !answer && !failure; }
  };
  using Entries = std::map<std::string, Entry>;

  void changed(const std::string& resource);
  void offer_again(Entry& entry);
  void fail(Entry& entry, base::Error error);
  void make_room();
  Entry* find(const std::string& id);

  const base::Clock& clock_;
  WatchHub hub_;
  RateLimiter rate_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  Entries entries_;
  std::uint64_t term_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t asked_ = 0;
  std::int64_t rag_until_ms_ = 0;  // A rag is there, as far as is known.
  bool stopped_ = false;
};

}  // namespace mlguard::server
