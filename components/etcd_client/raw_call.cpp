#include "raw_call.h"

#include <algorithm>
#include <utility>

#include "base/time_format.h"
#include "query_text.h"

namespace mlguard::etcd_client {

namespace {

constexpr std::size_t kMethodCharsMax = 16;
constexpr milliseconds kHoldMax{60'000};

base::Status check(const RawRequest& request) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (request.method.empty() || request.method.size() > kMethodCharsMax ||
      !std::all_of(request.method.begin(), request.method.end(), is_upper)) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_method",
                       "'" + request.method + "' is not a method; use GET, POST, PUT or DELETE"};
  }
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!request.target.starts_with('/') || request.target.size() > wire::kTargetBytesMax ||
      !std::all_of(request.target.begin(), request.target.end(), is_visible)) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_path",
                       "a path begins with '/' and holds no spaces or other special characters; "
                       "write them as %20 and so on"};
  }
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  for (const auto& [name, value] : request.fields) {
    const bool good_name = !name.empty() && std::all_of(name.begin(), name.end(), is_name);
    if (!good_name || value.find('\n') != std::string::npos ||
        value.find('\0') != std::string::npos) {
      return base::Error{base::ErrorCode::invalid_argument, "invalid_field",
                         "'" + name +
                             "' is not a field: names are lower case with '-', values "
                             "hold no line breaks"};
    }
  }
  return {};
}

// How long the server may hold the answer: what the target's wait=… says.
milliseconds hold_of(std::string_view target) {
  const auto wait = base::parse_duration_ms(query_value(target, "wait").value_or("0"));
  return wait.ok() ? std::min(milliseconds(*wait), kHoldMax) : milliseconds(0);
}

}  // namespace

base::Result<RawResponse> raw_call(Caller& caller, const RawRequest& request) {
  const auto checked = check(request);
  if (!checked.ok()) return checked.error();
  Call call;
  call.kind = request.method == "GET" ? CallKind::read : CallKind::write;
  call.method = request.method;
  call.target = request.target;
  call.hold = hold_of(request.target);
  call.message.body = request.body;
  for (const auto& [name, value] : request.fields) call.message.fields.push_back({name, value});
  auto reply = caller.call(std::move(call));
  if (!reply.ok()) return std::move(reply).error();
  RawResponse response;
  response.status = reply->status;
  response.body = std::move(reply->message.body);
  for (wire::Field& field : reply->message.fields) {
    response.fields.emplace_back(std::move(field.name), std::move(field.value));
  }
  return response;
}

}  // namespace mlguard::etcd_client
