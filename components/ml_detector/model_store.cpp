#include "ml_detector/model_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/logging.h"
#include "base/sha256.h"

namespace mlguard::ml_detector {
namespace {

namespace fs = std::filesystem;
using Loaded = std::shared_ptr<const LoadedModel>;

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

std::string sha256_of(std::string_view bytes) {
  base::Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

base::Result<Loaded> parsed(std::string_view text) {
  auto model = Model::parse(text);
  if (!model.ok()) return model.error();
  return Loaded(std::make_shared<const LoadedModel>(std::move(*model)));
}

}  // namespace

ModelStore::ModelStore(std::string folder, Fetch fetch)
    : folder_(std::move(folder)), fetch_(std::move(fetch)) {}

base::Result<Loaded> ModelStore::get(const std::string& sha256) {
  const auto kept = base::read_file(path_of(sha256), kModelBytesMax);
  if (kept.ok() && sha256_of(*kept) == sha256) {
    std::error_code ignored;
    fs::last_write_time(path_of(sha256), fs::file_time_type::clock::now(), ignored);
    return parsed(*kept);
  }
  const auto fetched = fetch_(sha256);
  if (!fetched.ok()) return fetched.error();
  if (sha256_of(*fetched) != sha256) {
    return base::Error{
        base::ErrorCode::corrupt, "model_damaged",
        "what the control plane has as model " + sha256 + " is something else: push it again"};
  }
  auto model = parsed(*fetched);
  if (!model.ok()) return model;
  base::Status stored = base::make_folders(folder_, kFolderMode);
  if (stored.ok()) stored = base::write_file_atomic(path_of(sha256), *fetched, kFileMode);
  if (!stored.ok()) {
    base::log_warn("could not keep the model", {{"problem", stored.error().message}});
  }
  forget_old();
  return model;
}

void ModelStore::forget_old() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    files.emplace_back(entry.last_write_time(ignored), entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  for (std::size_t i = kModelsKept; i < files.size(); ++i) fs::remove(files[i].second, ignored);
}

base::Result<Loaded> ModelStore::load(const std::string& path) {
  auto model = Model::load(path);
  if (!model.ok()) return model.error();
  return Loaded(std::make_shared<const LoadedModel>(std::move(*model)));
}

}  // namespace mlguard::ml_detector
