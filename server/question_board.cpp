#include "server/question_board.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kQuestionIdBytes = 8;

Error no_rag() {
  return {ErrorCode::unavailable, "no_rag",
          "no rag component answers: start one with 'rag --join TOKEN', for which "
          "'ml-guard token create --role rag' makes the token"};
}

Error no_question() {
  return {ErrorCode::not_found, "no_question",
          "there is no such question here (any more): the leader has changed, it is too old, or "
          "another credential asked it; ask again"};
}

}  // namespace

QuestionBoard::QuestionBoard(const base::Clock& clock)
    : clock_(clock), hub_(clock, 0), rate_(kQuestionsPerAsker, kQuestionsPerAsker) {}

// REQUIRES for the private ones: mutex_ is held. The hub only queues what is published.
void QuestionBoard::changed(const std::string& resource) {
  base::Change change;
  change.revision = ++changes_;
  change.resource = resource;
  hub_.publish({change});
}

void QuestionBoard::offer_again(Entry& entry) {
  if (entry.attempt >= kAttemptsMax) {
    return fail(entry, {ErrorCode::internal, "not_answered",
                        "rag took this question " + std::to_string(kAttemptsMax) +
                            " times and never answered it: see its log"});
  }
  entry.rag.clear();
  entry.since_ms = clock_.monotonic_ms();
  changed(next());
}

void QuestionBoard::fail(Entry& entry, Error error) {
  entry.failure = std::move(error);
  entry.since_ms = clock_.monotonic_ms();
  changed(of(entry.question.id));
}

// What is answered goes first to last: nobody waits for it any more.
void QuestionBoard::make_room() {
  while (entries_.size() >= kQuestionsKeptMax) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second.open()) continue;
      if (oldest == entries_.end() || it->second.number < oldest->second.number) oldest = it;
    }
    if (oldest == entries_.end()) return;
    entries_.erase(oldest);
  }
}

QuestionBoard::Entry* QuestionBoard::find(const std::string& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void QuestionBoard::lead(std::uint64_t term) {
  const std::lock_guard lock(mutex_);
  if (term == term_) return;
  term_ = term;
  entries_.clear();
  // A new leader gives every rag the time to find it.
  rag_until_ms_ = clock_.monotonic_ms() + kRagGraceMs;
  ++changes_;
  hub_.publish({});  // Everybody looks again.
}

void QuestionBoard::tick() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now_ms = clock_.monotonic_ms();
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const std::int64_t age_ms = now_ms - entry.since_ms;
    if (!entry.open()) {
      it = age_ms > kAnsweredMsMax ? entries_.erase(it) : std::next(it);
      continue;
    }
    if (entry.rag.empty()) {
      if (age_ms > kUntakenMsMax) fail(entry, no_rag());
    } else if (age_ms > kAnsweringMsMax) {
      fail(entry, {ErrorCode::timeout, "not_answered", "rag took too long to answer: see its log"});
    } else if (now_ms - entry.heard_ms > kSilenceMsMax) {
      offer_again(entry);
    }
    ++it;
  }
}

void QuestionBoard::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  hub_.stop();
}

std::uint64_t QuestionBoard::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

bool QuestionBoard::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

Result<std::string> QuestionBoard::ask(wire::Question question, const Identity& asker) {
  const std::int64_t now_ms = clock_.monotonic_ms();
  const bool too_fast = !rate_.allow({asker.key, false}, now_ms);
  const std::lock_guard lock(mutex_);
  std::size_t open = 0;
  std::size_t own = 0;
  for (const auto& [id, entry] : entries_) {
    if (!entry.open()) continue;
    ++open;
    if (entry.asker == asker.key) ++own;
  }
  if (too_fast || open >= kQuestionsOpenMax || own >= kQuestionsOpenPerAskerMax) {
    return Error{ErrorCode::resource_exhausted, "too_many_questions",
                 "too many questions at once: wait for the answers to those that are open"};
  }
  if (now_ms > rag_until_ms_) return no_rag();
  make_room();
  Entry entry;
  entry.question = std::move(question);
  entry.question.id = base::random_hex(kQuestionIdBytes);
  entry.question.asked_by = asker.name;
  entry.question.role = base::to_string(asker.role);
  if (entry.question.asked_at_ms == 0) entry.question.asked_at_ms = clock_.wall_ms();
  entry.asker = asker.key;
  entry.number = ++asked_;
  entry.since_ms = now_ms;
  std::string id = entry.question.id;
  entries_.emplace(id, std::move(entry));
  changed(next());
  return id;
}

std::optional<wire::QuestionTask> QuestionBoard::take(const std::string& rag,
                                                      std::int64_t wait_ms) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now_ms = clock_.monotonic_ms();
  rag_until_ms_ = std::max(rag_until_ms_, now_ms + wait_ms + kRagGraceMs);
  Entry* oldest = nullptr;
  for (auto& [id, entry] : entries_) {
    if (entry.open() && entry.rag == rag) offer_again(entry);
    if (!entry.open() || !entry.rag.empty()) continue;
    if (oldest == nullptr || entry.number < oldest->number) oldest = &entry;
  }
  if (oldest == nullptr) return std::nullopt;
  oldest->rag = rag;
  oldest->since_ms = oldest->heard_ms = now_ms;
  ++oldest->attempt;
  oldest->parts.clear();
  oldest->part_bytes = 0;
  changed(of(oldest->question.id));
  return wire::QuestionTask{oldest->attempt, oldest->question};
}

Status QuestionBoard::answer(const std::string& id, const std::string& rag, wire::AnswerPart part) {
  const std::lock_guard lock(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return no_question();
  if (!entry->open() || entry->rag != rag || entry->attempt != part.attempt) {
    return Error{ErrorCode::conflict, "not_yours",
                 "this question is answered, or was handed to another rag: go on with the next"};
  }
  entry->heard_ms = clock_.monotonic_ms();
  // While it answers, it polls for no other question; it is there all the same.
  rag_until_ms_ = std::max(rag_until_ms_, entry->heard_ms + kSilenceMsMax);
  if (part.part > entry->parts.size() + 1) {
    return Error{ErrorCode::invalid_argument, "part_missing",
                 "part " + std::to_string(entry->parts.size() + 1) + " is missing"};
  }
  if (part.part == entry->parts.size() + 1) {  // Else it has arrived before.
    if (entry->part_bytes + part.text.size() > wire::kAnswerTextBytesMax) {
      return Error{ErrorCode::too_large, "answer_too_long", "the answer is too long"};
    }
    entry->part_bytes += part.text.size();
    entry->parts.push_back(std::move(part.text));
  }
  if (part.answer) {
    entry->answer = std::move(part.answer);
    entry->since_ms = entry->heard_ms;
  }
  if (part.part != 0 || entry->answer) changed(of(id));
  return {};
}

Result<wire::QuestionNews> QuestionBoard::news(const std::string& id, const std::string& asker,
                                               std::uint64_t attempt, std::uint64_t after) {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(id);
  if (entry == nullptr || entry->asker != asker) return no_question();
  if (entry->failure) return *entry->failure;
  wire::QuestionNews news;
  news.attempt = entry->attempt;
  news.parts = entry->parts.size();
  for (std::size_t i = attempt == entry->attempt ? after : 0; i < entry->parts.size(); ++i) {
    news.text += entry->parts[i];
  }
  news.answer = entry->answer;
  return news;
}

Result<QuestionBoard::Approval> QuestionBoard::approve(const std::string& id,
                                                       const std::string& asker,
                                                       const wire::Proposal& proposal,
                                                       const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr || entry->asker != asker) return no_question();
  const wire::Proposal* made =
      entry->answer && entry->answer->proposal ? &*entry->answer->proposal : nullptr;
  if (made == nullptr || made->action != proposal.action || made->arguments != proposal.arguments) {
    return Error{ErrorCode::conflict, "not_proposed",
                 "the answer to this question did not propose that: nothing was recorded"};
  }
  const bool again = !request_id.empty() && entry->approved_by_request == request_id;
  if (!entry->approved_by_request.empty() && !again) {
    return Error{ErrorCode::conflict, "already_approved",
                 "what this answer proposed was approved before: ask again"};
  }
  entry->approved_by_request = request_id.empty() ? id : request_id;
  return Approval{entry->question, *made};
}

}  // namespace mlguard::server
