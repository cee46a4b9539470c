// ChatEndpoint: one conversation turn with an OpenAI-compatible server (llama.cpp's, Ollama, vLLM):
// POST …/v1/chat/completions with stream=true, and the text as it comes. What comes is anybody's
// text: whoever shows it checks it first (prose.h).
//
// Threads: complete() blocks its caller; cancel() from any other.
// Errors: unavailable / "endpoint_unreachable", "endpoint_refused" (401, 403), "endpoint_busy"
// (429), "endpoint_failed" (other statuses); timeout / "endpoint_slow"; corrupt /
// "endpoint_garbage"; too_large / "endpoint_endless"; unavailable / "cancelled".
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::rag {

inline constexpr std::size_t kChatTextBytesMax = 32 * 1024;
inline constexpr std::size_t kChatStreamBytesMax = 8 * 1024 * 1024;

struct ChatSettings {
  std::string endpoint;  // "http://localhost:11434", with or without "/v1"
  std::string model;
  std::string api_key;                        // Sent as a bearer token; empty: none.
  std::chrono::milliseconds timeout{30'000};  // For the whole turn.
};

class ChatEndpoint {
 public:
  explicit ChatEndpoint(ChatSettings settings);
  ~ChatEndpoint();
  ChatEndpoint(const ChatEndpoint&) = delete;
  ChatEndpoint& operator=(const ChatEndpoint&) = delete;

  // `take` gets pieces of UTF-8 text, never half a character; its error ends the turn and is
  // returned.
  base::Status complete(const std::string& system, const std::string& user,
                        const std::function<base::Status(std::string_view text)>& take);
  // Ends a turn in progress, and those to come.
  void cancel();

 private:
  struct Turn;
  struct State;
  const ChatSettings settings_;
  std::unique_ptr<State> state_;
};

// Whether the text is a base URL that ChatEndpoint can use. Error: invalid_argument /
// "invalid_value".
base::Status check_endpoint_url(std::string_view url);

}  // namespace mlguard::rag
