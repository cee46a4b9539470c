#include "ml_detector/delivery.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "wire/messages.h"

namespace mlguard::ml_detector {
namespace {

constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kTooLarge = 413;
constexpr std::string_view kForeignRule = "role_not_permitted";

etcd_client::RawRequest request_of(const OutboxBatch& batch) {
  etcd_client::RawRequest request;
  request.method = "POST";
  const bool rules = batch.kind == ItemKind::rule;
  request.target = rules ? "/v1/rules" : "/v1/detections";
  request.body =
      rules ? wire::encode_rules(batch.rules) : wire::encode_detections(batch.detections);
  request.fields = {{std::string(wire::kFieldRequestId), batch.request_id}};
  return request;
}

}  // namespace

Delivered outcome_of(int status, std::string_view body) {
  if (status >= kOk && status < kOk + 100) return Delivered::yes;
  if (status == kBadRequest || status == kTooLarge) return Delivered::refused;
  // A rule of that id is another's: it stays so. A credential that was revoked may be renewed.
  if (status == kForbidden && body.find(kForeignRule) != std::string_view::npos) {
    return Delivered::refused;
  }
  return Delivered::later;
}

Delivery::Delivery(Outbox& outbox, const base::Clock& clock, Send send)
    : outbox_(outbox), clock_(clock), send_(std::move(send)) {}

std::optional<Delivered> Delivery::deliver(ItemKind kind) {
  const auto batch = outbox_.next(kind, clock_.wall_ms());
  if (!batch.ok()) {
    tell(kind, batch.error().message);
    return Delivered::later;
  }
  if (!*batch) return std::nullopt;
  const auto answer = send_(request_of(**batch));
  if (!answer.ok()) {
    tell(kind, answer.error().message);
    return Delivered::later;
  }
  const Delivered outcome = outcome_of(answer->status, answer->body);
  if (outcome == Delivered::later) {
    tell(kind, "the control plane answers " + std::to_string(answer->status));
    return outcome;
  }
  if (outcome == Delivered::refused) {
    base::log_warn("the control plane refuses a batch",
                   {{"items", (*batch)->size()}, {"answer", answer->body}});
  }
  const base::Status noted =
      outcome == Delivered::yes ? outbox_.done(**batch) : outbox_.refused(**batch);
  tell(kind, noted.ok() ? std::string() : noted.error().message);
  return noted.ok() ? Delivered::yes : Delivered::later;
}

std::optional<Delivered> Delivery::step() {
  const auto rules = deliver(ItemKind::rule);
  const auto detections = deliver(ItemKind::detection);
  if (rules == Delivered::later || detections == Delivered::later) return Delivered::later;
  if (rules || detections) return Delivered::yes;
  return std::nullopt;
}

void Delivery::run() {
  constexpr std::chrono::milliseconds kIdle{1'000};
  std::chrono::milliseconds pause = kDeliveryPauseFirst;
  for (;;) {
    const auto stepped = step();
    std::unique_lock lock(mutex_);
    if (stepped == Delivered::yes) {
      pause = kDeliveryPauseFirst;
      if (stopping_) return;
      continue;
    }
    const bool waits = stepped.has_value();
    // What comes new does not shorten a pause: nobody answers.
    changed_.wait_for(lock, waits ? pause : kIdle, [&] { return stopping_ || (!waits && woken_); });
    if (stopping_) return;
    woken_ = false;
    pause = waits ? std::min(2 * pause, kDeliveryPauseMax) : kDeliveryPauseFirst;
  }
}

void Delivery::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Delivery::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

std::string Delivery::problem() const {
  const std::lock_guard lock(mutex_);
  return problems_[0].empty() ? problems_[1] : problems_[0];
}

void Delivery::tell(ItemKind kind, const std::string& problem) {
  const std::lock_guard lock(mutex_);
  std::string& told = problems_[static_cast<std::size_t>(kind)];
  const char* const what = kind == ItemKind::rule ? "rules" : "detections";
  if (told.empty() && !problem.empty()) {
    base::log_warn("the queue waits", {{"with", what}, {"problem", problem}});
  } else if (!told.empty() && problem.empty()) {
    base::log_info("the queue is delivered again", {{"with", what}});
  }
  told = problem;
}

}  // namespace mlguard::ml_detector
