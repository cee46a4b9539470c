// Fetches a model from the control plane, part by part (docs/detection.md, "Rollout"). Stateless.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "etcd_client/client.h"

namespace mlguard::ml_detector {

using SendRequest =
    std::function<base::Result<etcd_client::RawResponse>(const etcd_client::RawRequest&)>;

// Its bytes, not looked at. Errors: what `send` gives; not_found / "no_model" (not pushed, or not
// all of it yet); too_large; unavailable for any other answer than the bytes.
base::Result<std::string> download_model(const SendRequest& send, const std::string& sha256);

}  // namespace mlguard::ml_detector
