#include "bench/load_http.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace mlguard::bench {

namespace {

constexpr int kHexadecimal = 16;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersion = "HTTP/1.1 ";
constexpr std::size_t kStatusDigits = 3;

base::Error broken(const std::string& why) {
  return {base::ErrorCode::internal, "bad_answer",
          "what came is no HTTP/1.1 answer (" + why + "): is the endpoint the right one?"};
}

template <class Number>
std::optional<Number> parse(std::string_view text, int radix = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

base::Status AnswerReader::add(std::string_view bytes) {
  buffer_.append(bytes);
  return advance();
}

base::Status AnswerReader::next() {
  buffer_.erase(0, at_);
  at_ = 0;
  std::string kept = std::move(answer_.body);
  kept.clear();  // Its memory is used again.
  answer_ = Answer{};
  answer_.body = std::move(kept);
  state_ = State::head;
  return advance();
}

base::Status AnswerReader::advance() {
  for (;;) {
    const State before = state_;
    const std::size_t at_before = at_;
    base::Status status;
    switch (state_) {
      case State::head: status = read_head(); break;
      case State::counted:
      case State::chunk: status = take_body(); break;
      case State::chunk_size: status = read_chunk_size(); break;
      case State::chunk_end:
        if (take_line()) state_ = State::chunk_size;
        break;
      case State::trailer:
        if (const auto line = take_line(); line && line->empty()) state_ = State::whole;
        break;
      case State::whole: return {};
    }
    if (!status.ok()) return status;
    if (state_ == before && at_ == at_before) return {};
  }
}

std::optional<std::string_view> AnswerReader::take_line() {
  const std::size_t end = buffer_.find(kLineEnd, at_);
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
  at_ = end + kLineEnd.size();
  return line;
}

base::Status AnswerReader::read_head() {
  const std::size_t end = buffer_.find(kHeadEnd, at_);
  if (end == std::string::npos) {
    if (buffer_.size() - at_ > kAnswerHeadBytesMax) return broken("its head does not end");
    return {};
  }
  const std::string_view first = take_line().value();
  const auto status =
      parse<int>(first.substr(std::min(first.size(), kVersion.size())).substr(0, kStatusDigits));
  if (first.substr(0, kVersion.size()) != kVersion || !status) return broken("no status line");
  answer_.status = *status;
  body_left_ = 0;
  while (at_ < end + kLineEnd.size()) {
    const base::Status read = read_header(take_line().value());
    if (!read.ok()) return read;
  }
  at_ = end + kHeadEnd.size();
  state_ = answer_.chunked ? State::chunk_size : State::counted;
  return {};
}

base::Status AnswerReader::read_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return broken("a header has no colon");
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (same(name, "Content-Length")) {
    const auto size = parse<std::size_t>(value);
    if (!size || *size > kAnswerBodyBytesMax) return broken("its length is no sensible number");
    body_left_ = *size;
  } else if (same(name, "Transfer-Encoding")) {
    if (!same(value, "chunked")) return broken("an encoding that was not asked for");
    answer_.chunked = true;
  } else if (same(name, "X-Sealed")) {
    answer_.sealed = value == "1";
  } else if (same(name, "X-Original-Size")) {
    answer_.original_size = parse<std::size_t>(value);
    if (!answer_.original_size) return broken("X-Original-Size is no number");
  } else if (same(name, "Connection")) {
    answer_.closing = same(value, "close");
  }
  return {};
}

base::Status AnswerReader::take_body() {
  const std::size_t taken = std::min(body_left_, buffer_.size() - at_);
  if (answer_.body.size() + taken > kAnswerBodyBytesMax) return broken("its body is too long");
  answer_.body.append(buffer_, at_, taken);
  at_ += taken;
  body_left_ -= taken;
  if (body_left_ == 0) state_ = state_ == State::counted ? State::whole : State::chunk_end;
  return {};
}

base::Status AnswerReader::read_chunk_size() {
  const auto line = take_line();
  if (!line) {
    // A stream may go on for long: what was read of it is let go.
    buffer_.erase(0, at_);
    at_ = 0;
    return {};
  }
  const auto size = parse<std::size_t>(line->substr(0, line->find(';')), kHexadecimal);
  if (!size || *size > kAnswerBodyBytesMax) return broken("a chunk has no sensible size");
  body_left_ = *size;
  state_ = *size == 0 ? State::trailer : State::chunk;
  return {};
}

}  // namespace mlguard::bench
