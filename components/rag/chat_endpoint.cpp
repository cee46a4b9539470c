#include "rag/chat_endpoint.h"

#include <httplib.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "rag/event_stream.h"

namespace mlguard::rag {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr int kStatusOk = 200;
constexpr int kStatusUnauthorized = 401;
constexpr int kStatusForbidden = 403;
constexpr int kStatusTooManyRequests = 429;
constexpr milliseconds kConnectMax{3'000};
constexpr std::size_t kAnswerTokensMax = 1'024;
constexpr std::string_view kDone = "[DONE]";

struct Place {
  std::string base;  // "http://localhost:11434"
  std::string path;  // "/v1/chat/completions"
};

Place place_of(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const std::size_t slash = url.find('/', url.find("://") + 3);
  Place place{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash)};
  if (!place.path.ends_with("/v1")) place.path += "/v1";
  place.path += "/chat/completions";
  return place;
}

Error garbage() {
  return {ErrorCode::corrupt, "endpoint_garbage",
          "the endpoint does not speak the OpenAI protocol (chat completions, streamed)"};
}

Error slow(milliseconds limit) {
  return {ErrorCode::timeout, "endpoint_slow",
          "the endpoint did not answer within " + std::to_string(limit.count() / 1'000) + " s"};
}

Error refused(int status) {
  const std::string said = " (status " + std::to_string(status) + ")";
  if (status == kStatusUnauthorized || status == kStatusForbidden) {
    return {ErrorCode::unavailable, "endpoint_refused",
            "the endpoint refuses the key: see answer.api_key_file" + said};
  }
  if (status == kStatusTooManyRequests) {
    return {ErrorCode::unavailable, "endpoint_busy", "the endpoint takes no more questions" + said};
  }
  return {ErrorCode::unavailable, "endpoint_failed",
          "the endpoint failed" + said + ": see its log, and answer.model"};
}

struct Delta {
  std::string text;  // Empty where the event has none.
  bool last = false;
};

base::Result<Delta> delta_of(std::string_view data) {
  const Json event = Json::parse(data, nullptr, false);
  if (!event.is_object()) return garbage();
  const auto choices = event.find("choices");
  if (choices == event.end() || !choices->is_array()) return garbage();
  if (choices->empty() || !choices->front().is_object()) return Delta{};
  const Json& choice = choices->front();
  Delta found;
  const auto reason = choice.find("finish_reason");
  found.last = reason != choice.end() && reason->is_string();
  const auto delta = choice.find("delta");
  if (delta == choice.end() || !delta->is_object()) return found;
  const auto content = delta->find("content");
  if (content != delta->end() && content->is_string()) found.text = content->get<std::string>();
  return found;
}

// Stops a connection from outside when its time is up: a read that gets a byte now and then would
// never time out by itself.
class Watchdog {
 public:
  Watchdog(httplib::Client& client, milliseconds limit)
      : thread_([this, &client, limit] {
          std::unique_lock lock(mutex_);
          const auto ends = steady_clock::now() + limit;
          if (wake_.wait_until(lock, ends, [this] { return over_; })) return;
          expired_ = true;
          // Again and again: a connection that is just being made does not hear the first call.
          do client.stop();
          while (!wake_.wait_for(lock, milliseconds(50), [this] { return over_; }));
        }) {}
  ~Watchdog() { end(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  bool end() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    return expired_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;  // Guarded by mutex_, as the next.
  bool expired_ = false;
  std::thread thread_;
};

std::string body_of(const ChatSettings& settings, const std::string& system,
                    const std::string& user) {
  const Json body = {{"model", settings.model},
                     {"stream", true},
                     {"temperature", 0},
                     {"max_tokens", kAnswerTokensMax},
                     {"messages", Json::array({{{"role", "system"}, {"content", system}},
                                               {{"role", "user"}, {"content", user}}})}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

struct ChatEndpoint::State {
  std::mutex mutex;
  httplib::Client* running = nullptr;  // Guarded by mutex, as the next.
  bool cancelled = false;
};

// What one turn has seen.
struct ChatEndpoint::Turn {
  const std::function<Status(std::string_view)>& take;
  EventStream events = {};
  std::size_t bytes = 0;
  std::size_t text_bytes = 0;
  int status = 0;
  bool done = false;
  bool finished = false;  // Some servers say so, and then close the connection.
  std::optional<Error> error = std::nullopt;

  Status take_event(std::string_view data) {
    if (done) return {};
    if (data == kDone) {
      done = true;
      return {};
    }
    const auto delta = delta_of(data);
    if (!delta.ok()) return delta.error();
    finished = finished || delta->last;
    if (delta->text.empty()) return {};
    text_bytes += delta->text.size();
    if (text_bytes > kChatTextBytesMax) {
      return Error{ErrorCode::too_large, "endpoint_endless",
                   "the endpoint does not end its answer"};
    }
    return take(delta->text);
  }

  bool receive(std::string_view data) {
    if (status != kStatusOk) return false;
    bytes += data.size();
    Status fed = events.feed(data, [this](std::string_view event) { return take_event(event); });
    if (fed.ok() && bytes > kChatStreamBytesMax) {
      fed = Error{ErrorCode::too_large, "endpoint_endless", "the endpoint does not end its answer"};
    }
    if (!fed.ok()) error = fed.error();
    return fed.ok() && !done;
  }
};

ChatEndpoint::ChatEndpoint(ChatSettings settings)
    : settings_(std::move(settings)), state_(std::make_unique<State>()) {}

ChatEndpoint::~ChatEndpoint() = default;

void ChatEndpoint::cancel() {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled = true;
  if (state_->running != nullptr) state_->running->stop();
}

Status ChatEndpoint::complete(const std::string& system, const std::string& user,
                              const std::function<Status(std::string_view)>& take) {
  const Place place = place_of(settings_.endpoint);
  httplib::Client client(place.base);
  client.set_connection_timeout(std::min(settings_.timeout, kConnectMax));
  client.set_write_timeout(settings_.timeout);
  client.set_read_timeout(settings_.timeout + kConnectMax);  // The watchdog is stricter.
  client.set_tcp_nodelay(true);
  Turn turn{take};
  httplib::Request request;
  request.method = "POST";
  request.path = place.path;
  request.set_header("Content-Type", "application/json");
  request.set_header("Accept", "text/event-stream");
  if (!settings_.api_key.empty()) {
    request.set_header("Authorization", "Bearer " + settings_.api_key);
  }
  request.body = body_of(settings_, system, user);
  request.response_handler = [&](const httplib::Response& response) {
    turn.status = response.status;
    return response.status == kStatusOk;
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    return turn.receive({data, size});
  };
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->cancelled) return Error{ErrorCode::unavailable, "cancelled", "rag stops"};
    state_->running = &client;
  }
  Watchdog watchdog(client, settings_.timeout);
  const httplib::Result result = client.send(request);
  const bool expired = watchdog.end();
  bool cancelled = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->running = nullptr;
    cancelled = state_->cancelled;
  }
  if (turn.error) return *turn.error;
  if (turn.done || turn.finished) return {};
  if (cancelled) return Error{ErrorCode::unavailable, "cancelled", "rag stops"};
  if (expired) return slow(settings_.timeout);
  if (turn.status != 0 && turn.status != kStatusOk) return refused(turn.status);
  if (result && turn.text_bytes == 0) return garbage();
  const bool answered = turn.status == kStatusOk;
  if (answered || (!result && result.error() == httplib::Error::Read)) {
    return Error{ErrorCode::unavailable, "endpoint_failed",
                 "the endpoint broke off before its answer was whole"};
  }
  return Error{ErrorCode::unavailable, "endpoint_unreachable",
               "the endpoint " + place.base + " cannot be reached: see answer.endpoint"};
}

Status check_endpoint_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    const bool clean = rest.find_first_of(" @?#\\\"") == std::string_view::npos;
    if (clean && !rest.empty() && !rest.starts_with('/') && !rest.starts_with(':')) return {};
  }
  return Error{ErrorCode::invalid_argument, "invalid_value",
               "'answer.endpoint' must be a URL like http://localhost:11434, without a name, a "
               "password or a query in it"};
}

}  // namespace mlguard::rag
