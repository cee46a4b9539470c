#include "ml_detector/model_download.h"

#include <nlohmann/json.hpp>

#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr std::uint64_t kPartsMax = 1'024;

Error refusal(int status, const std::string& sha256) {
  if (status == kNotFound) {
    return {ErrorCode::not_found, "no_model",
            "the control plane has no model " + sha256 + ": ml-guard model push FILE"};
  }
  return {ErrorCode::unavailable, "no_model",
          "the control plane answers " + std::to_string(status) + " instead of model " + sha256};
}

base::Result<std::string> get(const SendRequest& send, const std::string& target,
                              const std::string& sha256) {
  etcd_client::RawRequest request;
  request.target = target;
  auto answer = send(request);
  if (!answer.ok()) return answer.error();
  if (answer->status != kOk) return refusal(answer->status, sha256);
  return std::move(answer->body);
}

}  // namespace

base::Result<std::string> download_model(const SendRequest& send, const std::string& sha256) {
  const std::string target = "/v1/models/" + sha256;
  const auto about = get(send, target, sha256);
  if (!about.ok()) return about;
  const auto json = nlohmann::json::parse(*about, nullptr, false);
  const auto parts = json.is_object() ? json.value("parts", std::uint64_t{0}) : 0;
  if (parts == 0 || parts > kPartsMax || !json.value("complete", false)) {
    return refusal(kNotFound, sha256);
  }
  std::string bytes;
  for (std::uint64_t part = 0; part < parts; ++part) {
    auto more = get(send, target + "/parts/" + std::to_string(part), sha256);
    if (!more.ok()) return more;
    if (bytes.size() + more->size() > kModelBytesMax) {
      return Error{ErrorCode::too_large, "model_too_large",
                   "the model " + sha256 + " has more bytes than any model may have"};
    }
    bytes += *more;
  }
  return bytes;
}

}  // namespace mlguard::ml_detector
