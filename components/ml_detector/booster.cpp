#include "ml_detector/booster.h"

#include <xgboost/c_api.h>

#include <cstdlib>
#include <limits>
#include <utility>

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

Error xgboost_error() { return {ErrorCode::internal, "xgboost", XGBGetLastError()}; }

// Frees what a handle of the C API stands for.
template <int (*kFree)(void*)>
class Handle {
 public:
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle_ != nullptr) kFree(handle_);
  }
  void* get() const { return handle_; }
  void** out() { return &handle_; }

 private:
  void* handle_ = nullptr;
};
using Matrix = Handle<XGDMatrixFree>;
using BoosterOwner = Handle<XGBoosterFree>;

base::Status fill(const LabelledRows& rows, Matrix& matrix) {
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  const std::size_t count = rows.features == 0 ? 0 : rows.values.size() / rows.features;
  if (XGDMatrixCreateFromMat(rows.values.data(), count, rows.features, kMissing, matrix.out()) !=
      0) {
    return xgboost_error();
  }
  for (const auto& [field, values] :
       {std::pair{"label", &rows.labels}, {"weight", &rows.weights}}) {
    if (values->empty()) continue;
    if (XGDMatrixSetFloatInfo(matrix.get(), field, values->data(), values->size()) != 0) {
      return xgboost_error();
    }
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> parameters_of(const BoostOptions& options) {
  std::vector<std::pair<std::string, std::string>> parameters = {
      {"nthread", "1"},
      {"verbosity", "0"},
      {"tree_method", "hist"},
      {"max_depth", std::to_string(options.max_depth)},
      {"eta", std::to_string(options.eta)},
      {"min_child_weight", std::to_string(options.min_child_weight)},
      {"lambda", std::to_string(options.lambda)},
      {"gamma", std::to_string(options.gamma)},
      {"subsample", std::to_string(options.subsample)},
      {"colsample_bynode", std::to_string(options.colsample_bynode)},
      {"seed", std::to_string(options.seed)},
  };
  if (options.classes == 2) {
    parameters.emplace_back("objective", "binary:logistic");
    parameters.emplace_back("eval_metric", "logloss");
  } else {
    parameters.emplace_back("objective", "multi:softprob");
    parameters.emplace_back("num_class", std::to_string(options.classes));
    parameters.emplace_back("eval_metric", "mlogloss");
  }
  return parameters;
}

}  // namespace

struct Booster::State {
  Matrix rows;
  Matrix held_back;
  BoosterOwner booster;
  int rounds = 0;
};

Booster::Booster(std::unique_ptr<State> state) : state_(std::move(state)) {}
Booster::Booster(Booster&& other) noexcept = default;
Booster& Booster::operator=(Booster&& other) noexcept = default;
Booster::~Booster() = default;

base::Result<Booster> Booster::create(const LabelledRows& rows, const LabelledRows* held_back,
                                      const BoostOptions& options) {
  auto state = std::make_unique<State>();
  if (const base::Status filled = fill(rows, state->rows); !filled.ok()) return filled.error();
  std::vector<DMatrixHandle> matrices = {state->rows.get()};
  if (held_back != nullptr) {
    const base::Status filled = fill(*held_back, state->held_back);
    if (!filled.ok()) return filled.error();
    matrices.push_back(state->held_back.get());
  }
  if (XGBoosterCreate(matrices.data(), matrices.size(), state->booster.out()) != 0) {
    return xgboost_error();
  }
  for (const auto& [name, value] : parameters_of(options)) {
    if (XGBoosterSetParam(state->booster.get(), name.c_str(), value.c_str()) != 0) {
      return xgboost_error();
    }
  }
  return Booster(std::move(state));
}

base::Result<Booster> Booster::load(std::string_view json) {
  auto state = std::make_unique<State>();
  if (XGBoosterCreate(nullptr, 0, state->booster.out()) != 0 ||
      XGBoosterSetParam(state->booster.get(), "nthread", "1") != 0 ||
      XGBoosterLoadModelFromBuffer(state->booster.get(), json.data(), json.size()) != 0) {
    return xgboost_error();
  }
  return Booster(std::move(state));
}

base::Status Booster::train_round() {
  if (XGBoosterUpdateOneIter(state_->booster.get(), state_->rounds, state_->rows.get()) != 0) {
    return xgboost_error();
  }
  ++state_->rounds;
  return {};
}

base::Result<double> Booster::held_back_loss() const {
  DMatrixHandle matrix = state_->held_back.get();
  const char* name = "held_back";
  const char* text = nullptr;
  if (XGBoosterEvalOneIter(state_->booster.get(), state_->rounds - 1, &matrix, &name, 1, &text) !=
      0) {
    return xgboost_error();
  }
  // "[12]\theld_back-mlogloss:0.31"
  const std::string line = text;
  return std::strtod(line.c_str() + line.rfind(':') + 1, nullptr);
}

base::Result<std::string> Booster::json(std::size_t rounds) const {
  BoosterOwner first;
  BoosterHandle handle = state_->booster.get();
  if (rounds != 0) {
    if (XGBoosterSlice(handle, 0, static_cast<int>(rounds), 1, first.out()) != 0) {
      return xgboost_error();
    }
    handle = first.get();
  }
  bst_ulong size = 0;
  const char* bytes = nullptr;
  if (XGBoosterSaveModelToBuffer(handle, R"({"format":"json"})", &size, &bytes) != 0) {
    return xgboost_error();
  }
  return std::string(bytes, size);
}

base::Result<std::vector<float>> Booster::predict(const LabelledRows& rows) const {
  constexpr int kProbabilities = 0;
  return ask(rows, kProbabilities);
}

base::Result<std::vector<float>> Booster::contributions(const LabelledRows& rows) const {
  constexpr int kApproximatedContributions = 3;
  return ask(rows, kApproximatedContributions);
}

base::Result<std::vector<float>> Booster::ask(const LabelledRows& rows, int kind) const {
  Matrix matrix;
  const LabelledRows bare = {rows.features, rows.values, {}, {}};
  if (const base::Status filled = fill(bare, matrix); !filled.ok()) return filled.error();
  const std::string config = R"({"training":false,"iteration_begin":0,"iteration_end":0,)"
                             R"("strict_shape":true,"type":)" +
                             std::to_string(kind) + "}";
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  if (XGBoosterPredictFromDMatrix(state_->booster.get(), matrix.get(), config.c_str(), &shape,
                                  &dimensions, &values) != 0) {
    return xgboost_error();
  }
  std::size_t size = 1;
  for (bst_ulong i = 0; i < dimensions; ++i) size *= shape[i];
  return std::vector<float>(values, values + size);
}

}  // namespace mlguard::ml_detector
