#include "replies.h"

#include <charconv>
#include <utility>

#include "wire/api_error.h"

namespace mlguard::etcd_client {

base::Result<wire::Message> expect_ok(base::Result<Reply> reply) {
  if (!reply.ok()) return std::move(reply).error();
  if (reply->status < 200 || reply->status > 299) {
    return wire::decode_error(reply->status, reply->message.body);
  }
  return std::move(reply->message);
}

bool is_passing(const base::Error& error) {
  return error.code == base::ErrorCode::unavailable || error.code == base::ErrorCode::timeout;
}

base::Result<wire::WriteReply> expect_write_reply(base::Result<Reply> reply) {
  auto message = expect_ok(std::move(reply));
  if (!message.ok()) return std::move(message).error();
  return wire::decode_write_reply(message->body);
}

std::uint64_t number_field(const wire::Message& message, std::string_view name) {
  const std::string* text = message.field(name);
  if (text == nullptr) return 0;
  std::uint64_t value = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end ? value : 0;
}

}  // namespace mlguard::etcd_client
