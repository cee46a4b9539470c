// ModelStore: models by their sha256. One that was fetched once is kept in a folder, so that a
// detector starts with it while no control plane answers. What does not hash to its name, or is no
// model for this build, is refused and not kept.
//
// One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "ml_detector/judge.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kModelsKept = 4;  // the latest used

class ModelStore {
 public:
  // The bytes of the model, from the control plane. Errors: not_found (nobody pushed it);
  // unavailable and timeout (try again).
  using Fetch = std::function<base::Result<std::string>(const std::string& sha256)>;

  ModelStore(std::string folder, Fetch fetch);

  // Errors: fetch's; corrupt / "model_damaged"; Model::parse's.
  base::Result<std::shared_ptr<const LoadedModel>> get(const std::string& sha256);
  // Errors: Model::load's.
  static base::Result<std::shared_ptr<const LoadedModel>> load(const std::string& path);

 private:
  std::string path_of(const std::string& sha256) const { return folder_ + "/" + sha256 + ".json"; }
  void forget_old() const;

  const std::string folder_;
  const Fetch fetch_;
};

}  // namespace mlguard::ml_detector
