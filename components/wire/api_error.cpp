#include "wire/api_error.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/model.h"

namespace mlguard::wire {

namespace {

using base::ErrorCode;

// Where two codes share a status, the first is what a client reports for it.
struct Row {
  ErrorCode code;
  int status;
};
constexpr std::array<Row, 14> kStatuses = {{
    {ErrorCode::invalid_argument, 400},
    {ErrorCode::unauthenticated, 401},
    {ErrorCode::permission_denied, 403},
    {ErrorCode::not_found, 404},
    {ErrorCode::conflict, 409},
    {ErrorCode::precondition_failed, 412},
    {ErrorCode::too_large, 413},
    {ErrorCode::resource_exhausted, 429},
    {ErrorCode::internal, 500},
    {ErrorCode::unsupported, 501},
    {ErrorCode::unavailable, 503},
    {ErrorCode::timeout, 504},
    {ErrorCode::corrupt, 500},
    {ErrorCode::io, 500},
}};

constexpr int kInternalStatus = 500;
constexpr std::size_t kErrorBodyBytesMax = 64 * 1024;
constexpr std::size_t kReasonCharsMax = 64;
constexpr std::size_t kMessageCharsMax = 4096;

base::Error not_ours(int status) {
  return {code_of_status(status),
          "the server answered HTTP " + std::to_string(status) +
              " without saying why; is it an ml-guard etcd-server that listens there?"};
}

}  // namespace

int http_status(ErrorCode code) {
  for (const Row& row : kStatuses) {
    if (row.code == code) return row.status;
  }
  return kInternalStatus;
}

ErrorCode code_of_status(int status) {
  for (const Row& row : kStatuses) {
    if (row.status == status) return row.code;
  }
  // 405, 411, 414, 431 …: the request is wrong; other 5xx (a proxy's 502): try elsewhere.
  if (status >= 400 && status < kInternalStatus) return ErrorCode::invalid_argument;
  return status >= kInternalStatus ? ErrorCode::unavailable : ErrorCode::internal;
}

std::string encode_error(const base::Error& error) {
  const nlohmann::ordered_json body = {
      {"status", "error"}, {"error", error.reason}, {"message", error.message}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

base::Error decode_error(int status, std::string_view body) {
  if (body.size() > kErrorBodyBytesMax) return not_ours(status);
  // Three short texts at the top level: whatever is deeper is dropped while it is read.
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= 1;
  };
  const nlohmann::json parsed = nlohmann::json::parse(body, shallow, false);
  if (!parsed.is_object()) return not_ours(status);
  const auto reason = parsed.find("error");
  const auto message = parsed.find("message");
  if (reason == parsed.end() || message == parsed.end() || !reason->is_string() ||
      !message->is_string()) {
    return not_ours(status);
  }
  const auto& reason_text = reason->get_ref<const std::string&>();
  const auto& message_text = message->get_ref<const std::string&>();
  if (reason_text.empty() || reason_text.size() > kReasonCharsMax ||
      message_text.size() > kMessageCharsMax) {
    return not_ours(status);
  }
  return {code_of_status(status), reason_text, message_text};
}

}  // namespace mlguard::wire
