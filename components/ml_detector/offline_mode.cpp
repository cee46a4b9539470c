#include "ml_detector/offline_mode.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "ml_detector/evaluation.h"
#include "ml_detector/model_card.h"
#include "ml_detector/report.h"
#include "ml_detector/served.h"
#include "ml_detector/table_figures.h"
#include "ml_detector/trainer.h"
#include "ml_detector/within_scenario.h"

namespace mlguard::ml_detector {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongArguments = 2;

struct Arguments {
  std::string data;
  std::string model_path;
  std::string card;
  std::string split{kEvalSplit};
  bool within = false;
  std::string hold_back = "captures";
  std::vector<std::string> left_out = {"MQTTset"};
  // Labelled as benign, but it shows EternalBlue's grooming (docs/model-card.md), which it would
  // teach to overlook.
  std::vector<std::string> not_believed = {"benign__suricata_smb_filename.pcap"};
  std::vector<std::string> without;
  TrainOptions train;
};

int fail(const base::Error& error) {
  std::fprintf(stderr, "ml-detector: %s\n", error.message.c_str());
  return kFailed;
}
void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

base::Result<Corpus> corpus_without(const Arguments& arguments, std::string_view split) {
  auto corpus = open_corpus(arguments.data, split);
  if (!corpus.ok()) return corpus;
  const auto is_left_out = [&](const CorpusFile& file) {
    return std::any_of(
        arguments.left_out.begin(), arguments.left_out.end(),
        [&](const std::string& part) { return file.repository.find(part) != std::string::npos; });
  };
  auto& files = corpus->files;
  files.erase(std::remove_if(files.begin(), files.end(), is_left_out), files.end());
  for (CorpusFile& file : files) {
    const auto& names = arguments.not_believed;
    if (std::find(names.begin(), names.end(), file.name) != names.end()) file.rules.clear();
  }
  return corpus;
}

base::Result<Examples> read_all(const Corpus& corpus, Purpose purpose) {
  constexpr std::size_t kCapturesBetweenLines = 100;
  return read_examples(corpus, purpose, [](std::size_t done, std::size_t of, std::size_t flows) {
    if (done % kCapturesBetweenLines != 0 && done != of) return;
    say("captures: " + std::to_string(done) + " of " + std::to_string(of) + ", " +
        std::to_string(flows) + " records");
  });
}

// Where the examples come from and how they were used, for the model file.
std::string training_json(const Corpus& corpus, const Examples& examples,
                          const Arguments& arguments) {
  const TrainOptions& options = arguments.train;
  nlohmann::ordered_json json;
  json["archive_sha256"] = corpus.archive_sha256;
  json["labels_sha256"] = corpus.labels_sha256;
  json["left_out"] = arguments.left_out;
  json["not_believed"] = arguments.not_believed;
  json["seed"] = options.seed;
  json["folds"] = options.folds;
  json["repeats"] = options.repeats;
  json["hold_back"] = arguments.hold_back;
  json["class_balance"] = options.class_balance;
  json["benign_cost"] = options.benign_cost;
  json["max_depth"] = options.boost.max_depth;
  json["eta"] = options.boost.eta;
  json["min_child_weight"] = options.boost.min_child_weight;
  json["lambda"] = options.boost.lambda;
  json["subsample"] = options.boost.subsample;
  json["colsample_bynode"] = options.boost.colsample_bynode;
  json["captures"] = corpus.files.size();
  for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
    std::size_t flows = 0;
    for (const ExampleCapture& capture : examples.captures) {
      if (capture.variant == Variant::as_it_is) flows += capture.flows[c];
    }
    json["flows"][std::string(kTrafficClasses[c])] = flows;
  }
  return json.dump();
}

// All inputs but those named in --without.
std::vector<std::string> inputs_of(const Arguments& arguments) {
  std::vector<std::string> inputs;
  for (const InputName& input : input_table()) {
    const std::string name = input.name;
    const bool out = std::find(arguments.without.begin(), arguments.without.end(), name) !=
                     arguments.without.end();
    if (!out) inputs.push_back(name);
  }
  return inputs;
}

void print_held_back(const Evaluation& by_flow, const TrainResult& trained) {
  std::printf("# Captures that were held back\n\n%s\n%s\n",
              capture_table(by_flow, Layers::detector).c_str(),
              alarm_table(by_flow.of(Layers::detector).false_alarms, by_flow.benign_hours).c_str());
  std::printf("Every flow counting once:\n\n%s\nWeighted as in training:\n\n%s\n%s\n",
              class_table(by_flow.of(Layers::model).confusion).c_str(),
              class_table(trained.weighted).c_str(), confusion_table(trained.weighted).c_str());
  std::printf("macro-F1 %s weighted, %s by flows; benign FPR %s weighted, %s by flows\n",
              figure(trained.weighted.macro_f1()).c_str(),
              figure(by_flow.of(Layers::model).confusion.macro_f1()).c_str(),
              figure(trained.weighted.benign_false_positive_rate()).c_str(),
              figure(by_flow.of(Layers::model).confusion.benign_false_positive_rate()).c_str());
  std::printf("with the fast rules: weighted, then by flows\n%s%s",
              summary_row("", trained.whole).c_str(),
              summary_row("", by_flow.of(Layers::detector).confusion).c_str());
  std::printf("busy clients (mixed benign captures): FPR %s weighted\n",
              figure(trained.mixes.benign_false_positive_rate()).c_str());
  for (std::size_t c = 1; c < kTrafficClassCount; ++c) {
    std::printf("threshold %.3f %s\n", static_cast<double>(trained.thresholds[c]),
                std::string(kTrafficClasses[c]).c_str());
  }
}

// What was measured on captures that were held back becomes part of the model file.
base::Status finish_model(const Arguments& arguments, const Examples& examples,
                          const TrainResult& trained) {
  const auto model = Model::parse(trained.model);
  if (!model.ok()) return model.error();
  const Evaluation by_flow = evaluate(examples, trained.held_back, *model);
  print_held_back(by_flow, trained);
  auto document = nlohmann::ordered_json::parse(trained.model);
  document["metrics"]["held_back"] = nlohmann::ordered_json::parse(metrics_json(by_flow));
  const std::string text = document.dump() + "\n";
  constexpr mode_t kReadable = 0644;
  auto written = base::write_file_atomic(arguments.model_path, text, kReadable);
  if (written.ok()) say(arguments.model_path + ": " + std::to_string(text.size()) + " bytes");
  return written;
}

int run_train(Arguments& arguments) {
  const auto corpus = corpus_without(arguments, kTrainSplit);
  if (!corpus.ok()) return fail(corpus.error());
  const auto examples = read_all(*corpus, Purpose::training);
  if (!examples.ok()) return fail(examples.error());
  TrainOptions& options = arguments.train;
  options.hold_back =
      arguments.hold_back == "repositories" ? HoldBack::repositories : HoldBack::captures;
  options.inputs = inputs_of(arguments);
  auto trained = train(*examples, options, training_json(*corpus, *examples, arguments), say);
  if (!trained.ok()) return fail(trained.error());
  const auto finished = finish_model(arguments, *examples, *trained);
  if (!finished.ok()) return fail(finished.error());
  return 0;
}

// The measured part of the card and, in a folder of the card's name beside it, the picture.
base::Status write_card(const Arguments& arguments, const Evaluation& evaluation,
                        const Model& model, const std::string& served) {
  constexpr std::size_t kCardBytesMax = 1U << 20U;
  constexpr mode_t kReadable = 0644;
  constexpr mode_t kFolder = 0755;
  const auto train = corpus_without(arguments, kTrainSplit);
  if (!train.ok()) return train.error();
  const auto card = base::read_file(arguments.card, kCardBytesMax);
  if (!card.ok()) return card.error();
  const std::filesystem::path path = arguments.card;
  const std::string picture = path.stem().string() + "/precision-recall.svg";
  const auto text = with_measured(*card, measured_text(evaluation, model, *train, picture, served));
  if (!text.ok()) return text.error();
  const std::string picture_path = base::folder_of(arguments.card) + "/" + picture;
  base::Status done = base::make_folders(base::folder_of(picture_path), kFolder);
  if (done.ok()) {
    done = base::write_file_atomic(picture_path, precision_recall_svg(evaluation), kReadable);
  }
  return done.ok() ? base::write_file_atomic(arguments.card, *text, kReadable) : done;
}

// Of the captures that are judged, and of those the model was trained on: there are few others.
base::Result<std::string> serve_all(const Arguments& arguments, const Corpus& judged,
                                    const std::shared_ptr<const LoadedModel>& model) {
  const auto by_both = serve_benign(judged, model);
  if (!by_both.ok()) return by_both.error();
  std::string text = served_text("Benign captures of " + arguments.split + "/", *by_both);
  if (arguments.split == kTrainSplit) return text;
  const auto train = corpus_without(arguments, kTrainSplit);
  if (!train.ok()) return train.error();
  const auto seen = serve_benign(*train, model);
  if (!seen.ok()) return seen.error();
  return text + served_text("Benign captures of train/, which the model has seen", *seen);
}

base::Result<std::string> judge_within(const Arguments& arguments) {
  const auto corpus = corpus_without(arguments, kTrainSplit);
  if (!corpus.ok()) return corpus.error();
  const auto examples = read_all(*corpus, Purpose::training);
  if (!examples.ok()) return examples.error();
  const auto result = within_scenario(*examples, arguments.train, say);
  if (!result.ok()) return result.error();
  const Confusion& detector = result->of(Layers::detector).confusion;
  return "The last 30 % of the flows of each capture of train/, by a model that learnt the first "
         "70 %:\n\n" +
         attack_line("the detector", detector) +
         attack_line("the model alone", result->of(Layers::model).confusion) + "\n" +
         class_table(detector) + "\n" + confusion_table(detector) + "\n";
}

int run_evaluate(Arguments& arguments) {
  auto loaded = Model::load(arguments.model_path);
  if (!loaded.ok()) return fail(loaded.error());
  const auto shared = std::make_shared<const LoadedModel>(std::move(*loaded));
  const Model* model = &shared->model;
  if (!knows_traffic_classes(*model)) {
    return fail({base::ErrorCode::unsupported, "the model has other classes than the captures"});
  }
  const auto corpus = corpus_without(arguments, arguments.split);
  if (!corpus.ok()) return fail(corpus.error());
  const auto examples = read_all(*corpus, Purpose::judging);
  if (!examples.ok()) return fail(examples.error());
  const Evaluation evaluation = evaluate(*examples, probabilities_of(*examples, *model), *model);
  const Confusion& detector = evaluation.of(Layers::detector).confusion;
  std::printf("%s\nThe detector:\n\n%s\n%s\n%s", summary_table(evaluation).c_str(),
              class_table(detector).c_str(), confusion_table(detector).c_str(),
              capture_table(evaluation, Layers::detector).c_str());
  auto served = serve_all(arguments, *corpus, shared);
  if (!served.ok()) return fail(served.error());
  if (arguments.within) {
    const auto within = judge_within(arguments);
    if (!within.ok()) return fail(within.error());
    *served += "### Within the scenario\n\n" + *within;
  }
  const auto tables = tables_text(arguments.data + "/flows", say);
  if (!tables.ok()) return fail(tables.error());
  *served += *tables;
  std::printf("\n%s", served->c_str());
  if (arguments.card.empty()) return 0;
  const auto written = write_card(arguments, evaluation, *model, *served);
  return written.ok() ? 0 : fail(written.error());
}

void add_train(CLI::App& app, Arguments& arguments) {
  TrainOptions& options = arguments.train;
  CLI::App* command = app.add_subcommand("train", "Train a model on the captures of train/");
  command->add_option("--data", arguments.data, "Folder with labels.tsv and the captures")
      ->required();
  command->add_option("--out", arguments.model_path, "Model file to write")->required();
  command->add_option("--name", options.name, "What detections call the model")
      ->capture_default_str();
  command->add_option("--seed", options.seed, "The same seed gives the same file")
      ->capture_default_str();
  command->add_option("--folds", options.folds, "Parts that are held back in turn")
      ->check(CLI::Range(2, 20))
      ->capture_default_str();
  command->add_option("--repeats", options.repeats, "Times that captures are dealt out anew")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  command->add_option("--hold-back", arguments.hold_back, "What is held back together")
      ->check(CLI::IsMember({"captures", "repositories"}))
      ->capture_default_str();
  command->add_option("--leave-out", arguments.left_out, "Repositories not to use (part of a name)")
      ->capture_default_str();
  command
      ->add_option("--disbelieve", arguments.not_believed, "Captures whose labels are not believed")
      ->capture_default_str();
  command->add_option("--without", arguments.without, "Inputs not to look at");
  command->add_option("--rounds-max", options.rounds_max)->capture_default_str();
  command->add_option("--patience", options.patience, "Rounds without progress before it ends")
      ->capture_default_str();
  command->add_option("--class-balance", options.class_balance)->capture_default_str();
  command->add_option("--benign-cost", options.benign_cost)->capture_default_str();
  command->add_option("--max-depth", options.boost.max_depth)
      ->check(CLI::Range(std::size_t{1}, kForestDepthMax))
      ->capture_default_str();
  command->add_option("--eta", options.boost.eta)->capture_default_str();
  command->add_option("--min-child-weight", options.boost.min_child_weight)->capture_default_str();
  command->add_option("--lambda", options.boost.lambda)->capture_default_str();
  command->add_option("--subsample", options.boost.subsample)->capture_default_str();
  command->add_option("--colsample", options.boost.colsample_bynode)->capture_default_str();
}

void add_evaluate(CLI::App& app, Arguments& arguments) {
  CLI::App* command =
      app.add_subcommand("evaluate", "Judge a model on captures that it was not trained on");
  command->add_option("--data", arguments.data, "Folder with labels.tsv and the captures")
      ->required();
  command->add_option("--model", arguments.model_path, "Model file")->required();
  command->add_option("--split", arguments.split, "Captures to judge, as labels.tsv names them")
      ->capture_default_str();
  command->add_flag("--within", arguments.within,
                    "Also learn the first flows of each capture of train/, and judge the others");
  command->add_option("--card", arguments.card, "Model card whose measured part is written anew");
}

}  // namespace

bool wants_offline_mode(int argc, char** argv) {
  if (argc < 2) return false;
  const std::string_view command = argv[1];
  return command == "train" || command == "evaluate";
}

int run_offline(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"ml-detector: makes and judges models from labelled captures."};
  app.require_subcommand(1);
  add_train(app, arguments);
  add_evaluate(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongArguments;
  }
  return app.got_subcommand("train") ? run_train(arguments) : run_evaluate(arguments);
}

}  // namespace mlguard::ml_detector
