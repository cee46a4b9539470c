// A model file from anywhere: what is accepted judges any row, the same alone as in a
// batch, and can be explained.
#include "ml_detector/model_file.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ml_detector/explain.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

// Rows of zeros, of large and small numbers, of nothing at all.
std::vector<float> some_rows(std::size_t features) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> rows;
  for (const float value : {0.0F, 1e30F, -1e30F, kNaN}) rows.insert(rows.end(), features, value);
  for (std::size_t i = 0; i < features; ++i) {
    rows.push_back(i % 3 == 0 ? kNaN : static_cast<float>(i));
  }
  return rows;
}

void check_rows(const ml_detector::Model& model) {
  const std::size_t features = model.forest().features();
  const std::vector<float> rows = some_rows(features);
  const std::size_t count = rows.size() / features;
  std::vector<float> batch(count * model.classes());
  std::vector<float> alone(model.classes());
  model.probabilities(rows.data(), count, batch.data());
  for (std::size_t i = 0; i < count; ++i) {
    model.probabilities(rows.data() + i * features, alone.data());
    const float* together = batch.data() + i * model.classes();
    for (std::size_t c = 0; c < model.classes(); ++c) {
      const bool same =
          alone[c] == together[c] || (std::isnan(alone[c]) && std::isnan(together[c]));
      fuzz::must(same, "a row is judged alone as in its batch");
    }
    fuzz::must(model.judge(alone.data()).class_index < model.classes(), "a verdict is a class");
  }
  const ml_detector::Explainer explainer(model.trained());
  fuzz::must(explainer.top(rows.data(), 0, 3).size() <= 3, "no more than asked for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto model = ml_detector::Model::parse(text);
  if (!model.ok()) {
    fuzz::must(!model.error().reason.empty() && !model.error().message.empty(), "refused in words");
    return 0;
  }
  fuzz::must(model->input_places().size() == model->forest().features(), "every input has a place");
  check_rows(*model);
  return 0;
}
