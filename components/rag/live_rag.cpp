#include "rag/live_rag.h"

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/files.h"
#include "base/logging.h"
#include "rag/prose.h"
#include "wire/api_error.h"
#include "wire/question_relay.h"

namespace mlguard::rag {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using std::chrono::milliseconds;
using Json = nlohmann::ordered_json;

// Between two questions the index is brought up to date at least so often: with the heartbeat.
constexpr const char* kNextTarget = "/v1/questions/next?consistency=leader&wait=5s";
constexpr milliseconds kAfterFailure{1'000};
constexpr milliseconds kSignOfLife{1'000};
constexpr std::size_t kApiKeyBytesMax = 4'096;
constexpr int kHttpErrorFirst = 400;

Result<std::string> read_api_key(const std::string& path) {
  if (path.empty()) return std::string();
  auto key = base::read_file(path, kApiKeyBytesMax);
  if (!key.ok()) {
    return Error{ErrorCode::unavailable, "endpoint_refused",
                 "answer.api_key_file cannot be read: " + key.error().message};
  }
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r')) key->pop_back();
  if (key->find_first_of("\r\n") == std::string::npos) return key;
  return Error{ErrorCode::invalid_argument, "endpoint_refused",
               "answer.api_key_file holds more than one line"};
}

// What could not be answered is told as an answer, too: the asker waits for one.
wire::Answer failed_answer(const Error& error) {
  wire::Answer answer;
  answer.intent = "failed";
  answer.text = "I cannot answer that now.";
  answer.remark = error.message;
  return answer;
}

struct Counters {
  std::uint64_t records = 0;
  std::uint64_t revision = 0;
  std::uint64_t answered = 0;
  std::uint64_t unknown = 0;
  std::uint64_t proposals = 0;
  std::uint64_t prose = 0;
  std::uint64_t endpoint_failures = 0;
  std::int64_t synced_at_ms = 0;  // Monotonic; 0: never.
};

class RunningRag final : public LiveRag {
 public:
  explicit RunningRag(const base::Clock& clock) : clock_(clock) {}
  ~RunningRag() override { stop(); }

  void apply(const RagConfig& config) override {
    const std::lock_guard lock(mutex_);
    config_ = config;
    endpoint_problem_.reset();  // The new one has yet to fail.
  }

  void start(RagParts parts) override {
    parts_ = std::move(parts);
    working_ = std::thread([this] { work(); });
    living_ = std::thread([this] { give_signs_of_life(); });
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (writer_ != nullptr) writer_->cancel();
    }
    wake_.notify_all();
    if (working_.joinable()) working_.join();
    if (living_.joinable()) living_.join();
  }

  std::string detail() const override;
  Status health() const override;

 private:
  void work();
  void give_signs_of_life();
  bool pause(milliseconds time);
  Result<wire::QuestionTask> next_task();
  void bring_up_to_date();
  void handle(const wire::QuestionTask& task);
  wire::Answer answer(const wire::QuestionTask& task);
  wire::Answer in_prose(const wire::QuestionTask& task, const RagConfig& config,
                        wire::Answer found);
  Status tell(const std::string& id, const wire::AnswerPart& part);
  void count(const wire::Answer& answer);

  const base::Clock& clock_;
  RagParts parts_;  // The index and what stands on it: of the working thread only.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  bool stopping_ = false;
  RagConfig config_;
  Counters counters_;
  std::optional<Error> follow_problem_;
  std::optional<Error> endpoint_problem_;
  ProseWriter* writer_ = nullptr;           // While a model writes.
  std::optional<wire::QuestionTask> held_;  // While it is answered.
  std::thread working_;
  std::thread living_;
};

bool RunningRag::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

void RunningRag::work() {
  bring_up_to_date();
  while (pause(milliseconds(0))) {
    const auto task = next_task();
    bring_up_to_date();
    if (!task.ok()) {
      pause(kAfterFailure);
      continue;
    }
    if (task->question) handle(*task);
  }
}

void RunningRag::give_signs_of_life() {
  while (pause(kSignOfLife)) {
    std::optional<wire::QuestionTask> held;
    {
      const std::lock_guard lock(mutex_);
      held = held_;
    }
    if (!held) continue;
    wire::AnswerPart part;
    part.attempt = held->attempt;
    static_cast<void>(tell(held->question->id, part));  // The answer itself tells what is wrong.
  }
}

Result<wire::QuestionTask> RunningRag::next_task() {
  etcd_client::RawRequest request;
  request.target = kNextTarget;
  const auto response = parts_.send(request);
  if (!response.ok()) return response.error();
  if (response->status >= kHttpErrorFirst) {
    return wire::decode_error(response->status, response->body);
  }
  auto task = wire::decode_question_task(response->body);
  if (!task.ok() || !task->question) return task;
  const std::lock_guard lock(mutex_);
  held_ = *task;
  return task;
}

void RunningRag::bring_up_to_date() {
  RagConfig config;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
  }
  const std::int64_t now_ms = clock_.monotonic_ms();
  const Status synced = parts_.sync(config);
  const auto records = parts_.index->count({});
  const std::lock_guard lock(mutex_);
  if (records.ok()) counters_.records = *records;
  counters_.revision = parts_.index->revision();
  if (synced.ok()) {
    counters_.synced_at_ms = now_ms;
    if (std::exchange(follow_problem_, std::nullopt)) base::log_info("following again");
    return;
  }
  if (!follow_problem_ && !stopping_) {
    base::log_warn("cannot follow the control plane", {{"problem", synced.error().message}});
  }
  follow_problem_ = synced.error();
}

void RunningRag::handle(const wire::QuestionTask& task) {
  wire::AnswerPart part;
  part.attempt = task.attempt;
  part.answer = answer(task);
  // What the records hold must not keep the rest from arriving.
  if (const auto travels = wire::decode_answer(wire::encode(*part.answer)); !travels.ok()) {
    part.answer = failed_answer(travels.error());
  }
  count(*part.answer);
  const Status told = tell(task.question->id, part);
  {
    const std::lock_guard lock(mutex_);
    held_.reset();
  }
  if (!told.ok()) {
    base::log_warn("an answer did not arrive",
                   {{"question", task.question->id}, {"problem", told.error().message}});
  }
}

wire::Answer RunningRag::answer(const wire::QuestionTask& task) {
  AnswerOptions options;
  RagConfig config;
  std::optional<Error> behind;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
    behind = follow_problem_;
    const bool never = counters_.synced_at_ms == 0;
    options.state_age_ms = never ? 0 : clock_.monotonic_ms() - counters_.synced_at_ms;
  }
  options.passages_max = config.passages_max;
  auto found = parts_.answerer->answer(*task.question, options);
  if (!found.ok()) return failed_answer(found.error());
  if (behind) {
    if (!found->remark.empty()) found->remark += "; ";
    found->remark += "not up to date: " + behind->message;
  }
  if (config.mode != AnswerMode::generative || !ProseWriter::can_write(*found)) return *found;
  return in_prose(task, config, std::move(*found));
}

wire::Answer RunningRag::in_prose(const wire::QuestionTask& task, const RagConfig& config,
                                  wire::Answer found) {
  const auto key = read_api_key(config.api_key_file);
  Prose prose{found, std::nullopt};
  if (!key.ok()) {
    prose.failure = key.error();
    prose.answer.remark += (found.remark.empty() ? "" : "; ") + key.error().message;
  } else {
    ProseWriter writer(
        {config.endpoint, config.model, *key, milliseconds(config.timeout_s * 1'000)});
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return found;
      writer_ = &writer;
    }
    wire::AnswerPart part;
    part.attempt = task.attempt;
    prose = writer.write(*task.question, found, [&](std::string_view sentence) {
      ++part.part;
      part.text = sentence;
      static_cast<void>(tell(task.question->id, part));  // The whole answer follows.
    });
    const std::lock_guard lock(mutex_);
    writer_ = nullptr;
  }
  const std::lock_guard lock(mutex_);
  if (prose.failure) {
    ++counters_.endpoint_failures;
    base::log_warn("no prose", {{"problem", prose.failure->message}});
  }
  endpoint_problem_ = prose.failure;
  return prose.answer;
}

Status RunningRag::tell(const std::string& id, const wire::AnswerPart& part) {
  const auto response =
      parts_.send({"POST", "/v1/questions/" + id + "/answer", wire::encode(part), {}});
  if (!response.ok()) return response.error();
  if (response->status < kHttpErrorFirst) return {};
  return wire::decode_error(response->status, response->body);
}

void RunningRag::count(const wire::Answer& answer) {
  const std::lock_guard lock(mutex_);
  ++counters_.answered;
  if (!answer.known) ++counters_.unknown;
  if (answer.proposal) ++counters_.proposals;
  if (answer.prose) ++counters_.prose;
}

std::string RunningRag::detail() const {
  const std::lock_guard lock(mutex_);
  Json json = {{"records", counters_.records},
               {"revision", counters_.revision},
               {"questions", counters_.answered},
               {"unknown", counters_.unknown},
               {"proposals", counters_.proposals},
               {"mode", config_.mode == AnswerMode::generative ? "generative" : "extractive"},
               {"prose", counters_.prose},
               {"endpoint_failures", counters_.endpoint_failures}};
  if (counters_.synced_at_ms != 0) {
    json["last_sync_age_ms"] = clock_.monotonic_ms() - counters_.synced_at_ms;
  }
  return json.dump();
}

Status RunningRag::health() const {
  const std::lock_guard lock(mutex_);
  if (follow_problem_) return *follow_problem_;
  if (endpoint_problem_) return *endpoint_problem_;
  return {};
}

}  // namespace

std::unique_ptr<LiveRag> LiveRag::create(const base::Clock& clock) {
  return std::make_unique<RunningRag>(clock);
}

}  // namespace mlguard::rag
