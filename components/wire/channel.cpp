#include "wire/channel.h"

#include <array>
#include <atomic>
#include <cassert>
#include <charconv>
#include <memory_resource>
#include <mutex>
#include <utility>

#include "wire/envelope.h"
#include "wire/primitives.h"
#include "wire/replay_window.h"
#include "wire/session_keys.h"

namespace mlguard::wire {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view kRequestLabel = "mlguard-request-1";
constexpr std::string_view kAnswerLabel = "mlguard-answer-1";
// Nonces are never used twice: a session ends long before its counter could run over.
constexpr std::uint64_t kCountersMax = std::uint64_t{1} << 60;
constexpr std::size_t kMethodBytesMax = 16;
// Room for a frame without body in X-Seal, as base64url.
constexpr std::size_t kSealCharsMax =
    (kCounterBytes + kFieldLengthBytes + kFieldBlockBytesMax + kTagBytes) * 4 / 3 + 4;

Error bad_seal(const char* why) {
  return {ErrorCode::unauthenticated, "bad_seal",
          std::string("the sealed message does not authenticate: ") + why};
}

Error frame_too_large(std::size_t bytes, std::size_t bytes_max) {
  return {ErrorCode::too_large, "the sealed message is " + std::to_string(bytes) +
                                    " bytes long; at most " + std::to_string(bytes_max) +
                                    " are taken here, send less"};
}

// What a seal is bound to besides its content. Built on the stack for the usual short target.
class Associated {
 public:
  Associated() : memory_(buffer_.data(), buffer_.size()), text_(&memory_) {
    text_.reserve(kStackBytes / 2);
  }
  Associated(const Associated&) = delete;
  Associated& operator=(const Associated&) = delete;

  Associated& line(std::string_view value) {
    text_.append(value).push_back('\n');
    return *this;
  }
  Associated& line(std::uint64_t value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return line(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  Associated& line(std::optional<std::size_t> value) {
    return value ? line(std::uint64_t{*value}) : line(std::string_view());
  }
  std::string_view view() const { return text_; }

 private:
  static constexpr std::size_t kStackBytes = 1024;
  std::array<std::byte, kStackBytes> buffer_;
  std::pmr::monotonic_buffer_resource memory_;
  std::pmr::string text_;
};

void add_request(Associated& associated, std::string_view method, std::string_view target,
                 const std::string& session, std::optional<std::size_t> original_size) {
  associated.line(kRequestLabel).line(method).line(target).line(session).line(original_size);
}

void add_answer(Associated& associated, int http_status, const std::string& session,
                std::optional<std::size_t> original_size) {
  associated.line(kAnswerLabel)
      .line(static_cast<std::uint64_t>(http_status))
      .line(session)
      .line(original_size);
}

// A line break would let one request line read as another in the associated data.
bool is_request_line(std::string_view method, std::string_view target) {
  return !method.empty() && method.size() <= kMethodBytesMax && !target.empty() &&
         target.size() <= kTargetBytesMax && method.find('\n') == std::string_view::npos &&
         target.find('\n') == std::string_view::npos;
}

void write_counter(std::uint64_t counter, std::string& frame) {
  const Nonce nonce = nonce_of(counter);
  frame.replace(0, kCounterBytes,
                as_text(nonce.data() + kNonceBytes - kCounterBytes, kCounterBytes));
}

std::uint64_t read_counter(std::string_view frame) {
  std::uint64_t counter = 0;
  for (std::size_t i = kCounterBytes; i-- > 0;) {
    counter = (counter << 8) | static_cast<unsigned char>(frame[i]);
  }
  return counter;
}

// Seals frame.bytes in place: the plaintext stands behind `lead` bytes, with room for the tag.
void seal_in_place(const Key& key, std::uint64_t counter, std::string_view associated,
                   std::size_t lead, BuiltFrame& frame) {
  const Nonce nonce = nonce_of(counter);
  const std::string_view plain = std::string_view(frame.bytes).substr(lead, frame.plain_bytes);
  const bool sealed = aead_seal(key, as_text(nonce.data(), nonce.size()), associated, plain,
                                as_bytes(frame.bytes) + lead);
  assert(sealed);
  static_cast<void>(sealed);
}

base::Result<std::string> unseal(const Key& key, std::uint64_t counter, std::string_view associated,
                                 std::string_view sealed, const char* why_not) {
  if (sealed.size() < kTagBytes) return bad_seal("it is cut short");
  std::string plain(sealed.size() - kTagBytes, '\0');
  const Nonce nonce = nonce_of(counter);
  if (!aead_open(key, as_text(nonce.data(), nonce.size()), associated, sealed, as_bytes(plain))) {
    return bad_seal(why_not);
  }
  return plain;
}

// The frame of a request, from the header or the body; `storage` holds it in the former case.
base::Result<std::string_view> frame_of(const Sealed& request, std::size_t plain_bytes_max,
                                        std::string& storage) {
  if (request.seal.empty() == request.body.empty()) {
    return bad_seal("a sealed request has either an X-Seal header or a body");
  }
  std::string_view frame = request.body;
  if (!request.seal.empty()) {
    if (request.seal.size() > kSealCharsMax) {
      return frame_too_large(request.seal.size(), kSealCharsMax);
    }
    base::Result<std::string> decoded = from_base64url(request.seal);
    if (!decoded.ok()) return bad_seal("X-Seal is not base64url");
    storage = std::move(*decoded);
    frame = storage;
  }
  const std::size_t bytes_max = plain_bytes_max + kFrameOverheadBytesMax;
  if (frame.size() > bytes_max) return frame_too_large(frame.size(), bytes_max);
  if (frame.size() < kCounterBytes + kTagBytes) return bad_seal("it is cut short");
  return frame;
}

}  // namespace

// ---- ClientChannel -------------------------------------------------------------------------

struct ClientChannel::State {
  SessionKeys keys;
  std::atomic<std::uint64_t> next_counter{0};
};

ClientChannel::ClientChannel(SessionKeys keys) : state_(std::make_unique<State>()) {
  state_->keys = std::move(keys);
}
ClientChannel::ClientChannel(ClientChannel&&) noexcept = default;
ClientChannel& ClientChannel::operator=(ClientChannel&&) noexcept = default;
ClientChannel::~ClientChannel() = default;

const std::string& ClientChannel::session_id() const { return state_->keys.session_id; }

base::Result<ClientChannel::Request> ClientChannel::seal(std::string_view method,
                                                         std::string_view target,
                                                         const Message& message) {
  if (!is_request_line(method, target)) {
    return Error{ErrorCode::invalid_argument, "invalid_target",
                 "the method or the path is empty, too long or holds a line break"};
  }
  base::Result<BuiltFrame> frame = build_frame(message, kCounterBytes, kTagBytes);
  if (!frame.ok()) return frame.error();
  Request request;
  request.counter = state_->next_counter.fetch_add(1, std::memory_order_relaxed);
  if (request.counter >= kCountersMax) {
    return Error{ErrorCode::resource_exhausted, "rekey",
                 "this session has sealed all the requests it may; handshake again"};
  }
  Associated associated;
  add_request(associated, method, target, session_id(), frame->original_size);
  seal_in_place(state_->keys.client_to_server, request.counter, associated.view(), kCounterBytes,
                *frame);
  write_counter(request.counter, frame->bytes);
  request.sealed.session = session_id();
  request.sealed.original_size = frame->original_size;
  if (message.body.empty()) {
    request.sealed.seal = to_base64url(frame->bytes);
  } else {
    request.sealed.body = std::move(frame->bytes);
  }
  return request;
}

base::Result<Message> ClientChannel::open(std::uint64_t counter, int http_status,
                                          const Sealed& answer) const {
  const base::Status announced = check_original_size(answer.original_size, kPlainBodyBytesMax);
  if (!announced.ok()) return announced.error();
  if (answer.body.size() > kPlainBodyBytesMax + kFrameOverheadBytesMax) {
    return frame_too_large(answer.body.size(), kPlainBodyBytesMax + kFrameOverheadBytesMax);
  }
  Associated associated;
  add_answer(associated, http_status, session_id(), answer.original_size);
  base::Result<std::string> plain =
      unseal(state_->keys.server_to_client, counter, associated.view(), answer.body,
             "it is damaged, or not the server's answer to this request");
  if (!plain.ok()) return plain.error();
  return parse_frame(std::move(*plain), answer.original_size, kPlainBodyBytesMax);
}

// ---- ServerChannel -------------------------------------------------------------------------

struct ServerChannel::State {
  SessionKeys keys;
  std::mutex mutex;
  ReplayWindow window;  // GUARDED_BY(mutex)
  std::atomic<std::uint64_t> replays_refused{0};
};

ServerChannel::ServerChannel(SessionKeys keys) : state_(std::make_unique<State>()) {
  state_->keys = std::move(keys);
}
ServerChannel::ServerChannel(ServerChannel&&) noexcept = default;
ServerChannel& ServerChannel::operator=(ServerChannel&&) noexcept = default;
ServerChannel::~ServerChannel() = default;

const std::string& ServerChannel::session_id() const { return state_->keys.session_id; }

std::uint64_t ServerChannel::replays_refused() const {
  return state_->replays_refused.load(std::memory_order_relaxed);
}

base::Result<ServerChannel::Request> ServerChannel::open(std::string_view method,
                                                         std::string_view target,
                                                         const Sealed& request,
                                                         std::size_t plain_bytes_max) {
  const base::Status announced = check_original_size(request.original_size, plain_bytes_max);
  if (!announced.ok()) return announced.error();
  std::string storage;
  const base::Result<std::string_view> frame = frame_of(request, plain_bytes_max, storage);
  if (!frame.ok()) return frame.error();
  Request opened;
  opened.counter = read_counter(*frame);
  if (opened.counter >= kCountersMax || !is_request_line(method, target) ||
      request.session != session_id()) {
    return bad_seal("it was not made for this session and request line");
  }
  Associated associated;
  add_request(associated, method, target, session_id(), request.original_size);
  base::Result<std::string> plain =
      unseal(state_->keys.client_to_server, opened.counter, associated.view(),
             frame->substr(kCounterBytes), "it is damaged, or made for another request");
  if (!plain.ok()) return plain.error();
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->window.accept(opened.counter)) {
      state_->replays_refused.fetch_add(1, std::memory_order_relaxed);
      return Error{ErrorCode::unauthenticated, "replayed",
                   "this very request was received before, or is far too old; send a new one"};
    }
  }
  base::Result<Message> message =
      parse_frame(std::move(*plain), request.original_size, plain_bytes_max);
  if (!message.ok()) return message.error();
  if (message->body.empty() != request.body.empty()) {
    return Error{ErrorCode::invalid_argument, "bad_frame",
                 "a message travels in X-Seal exactly when it has no body"};
  }
  opened.message = std::move(*message);
  return opened;
}

base::Result<Sealed> ServerChannel::seal(std::uint64_t counter, int http_status,
                                         const Message& message) const {
  base::Result<BuiltFrame> frame = build_frame(message, 0, kTagBytes);
  if (!frame.ok()) return frame.error();
  Associated associated;
  add_answer(associated, http_status, session_id(), frame->original_size);
  seal_in_place(state_->keys.server_to_client, counter, associated.view(), 0, *frame);
  Sealed answer;
  answer.body = std::move(frame->bytes);
  answer.original_size = frame->original_size;
  return answer;
}

}  // namespace mlguard::wire
