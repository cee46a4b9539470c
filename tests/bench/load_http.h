// AnswerReader: reads HTTP/1.1 answers off a keep-alive connection at little cost: status, length
// (counted or chunked) and the two headers of ours. For the load generator, which talks to servers
// that it starts itself; it is strict, not lenient.
//
// Threads: one AnswerReader belongs to one connection of one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::bench {

inline constexpr std::size_t kAnswerHeadBytesMax = 16 * 1024;
inline constexpr std::size_t kAnswerBodyBytesMax = 32 * 1024 * 1024;

struct Answer {
  int status = 0;
  bool sealed = false;                       // X-Sealed: 1
  std::optional<std::size_t> original_size;  // X-Original-Size
  bool chunked = false;
  bool closing = false;  // Connection: close
  std::string body;
};

class AnswerReader {
 public:
  // What arrived. Error: it is no HTTP answer, or a far too long one.
  base::Status add(std::string_view bytes);
  // True once the whole answer is there; answer() is valid until next().
  bool whole() const { return state_ == State::whole; }
  // The head is there, and as much of the body as has arrived: for answers that never end.
  bool has_head() const { return state_ != State::head; }
  Answer& answer() { return answer_; }
  // Takes up the next answer, with what of it has arrived already.
  base::Status next();

 private:
  enum class State { head, counted, chunk_size, chunk, chunk_end, trailer, whole };

  base::Status advance();
  base::Status read_head();
  base::Status read_header(std::string_view line);
  base::Status take_body();
  base::Status read_chunk_size();
  // The next line without its line break, once it is there.
  std::optional<std::string_view> take_line();

  State state_ = State::head;
  Answer answer_;
  std::string buffer_;
  std::size_t at_ = 0;         // Read so far of buffer_.
  std::size_t body_left_ = 0;  // Of the counted body, or of this chunk.
};

}  // namespace mlguard::bench
