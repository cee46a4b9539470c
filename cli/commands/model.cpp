// ml-guard model list, push, activate, rollback, rm: models for ml-detectors. A model is known by
// the SHA-256 of its file; which one judges stands in the detector's configuration (model.sha256),
// so that activating is a new version there and rolling back is another.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "base/sha256.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/input.h"
#include "cli/json_edit.h"
#include "cli/listing.h"
#include "cli/progress.h"

namespace mlguard::cli {
namespace {

using base::Error;
using base::ErrorCode;

constexpr const char* kModelsTarget = "/v1/models";
constexpr const char* kFormat = "ml-guard-model";
constexpr std::size_t kPartBytes = 1024 * 1024;
constexpr std::size_t kModelBytesMax = 32 * 1024 * 1024;
constexpr std::size_t kShownChars = 12;
constexpr std::size_t kVersionsSearched = 200;

struct ModelOptions {
  std::string file;
  std::string model;  // a name, or how its hash begins
  std::string component = "ml-detector";
  bool yes = false;
};

struct Listed {
  std::string sha256;
  std::string name;
  std::string bytes;
  bool complete = false;
  std::string author;
  std::string pushed_at;
};

const std::vector<std::string>& sha_path() {
  static const std::vector<std::string> path = {"model", "sha256"};
  return path;
}

// The hash that the document names; empty: none.
std::string sha_in(const std::string& document) {
  const auto value = get_value(document, sha_path());
  if (!value.ok() || value->size() < 2) return {};
  return value->substr(1, value->size() - 2);
}

base::Result<std::vector<Listed>> fetch_models(Context& context) {
  const auto answer = context.get(kModelsTarget);
  if (!answer.ok()) return answer.error();
  const auto rows =
      rows_of(*answer, "models", {"sha256", "name", "bytes", "complete", "author", "pushed_at"});
  if (!rows.ok()) return rows.error();
  std::vector<Listed> models;
  for (const TextRow& row : *rows) {
    models.push_back({row[0], row[1], row[2], row[3] == "yes", row[4], row[5]});
  }
  return models;
}

// The one that is meant: by name (the latest of it), or by how its hash begins.
base::Result<Listed> find_model(Context& context, const std::string& text) {
  const auto models = fetch_models(context);
  if (!models.ok()) return models.error();
  std::vector<Listed> found;
  for (const Listed& model : *models) {
    if (model.name == text) return model;
    if (!text.empty() && model.sha256.rfind(text, 0) == 0) found.push_back(model);
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return usage_error("'" + text + "' begins the hash of " + std::to_string(found.size()) +
                       " models; type more of it");
  }
  return Error{ErrorCode::not_found, "no_model", "there is no model '" + text + "'"};
}

std::string active_sha(Context& context, const std::string& component) {
  const auto client = context.client();
  if (!client.ok()) return {};
  const auto config = (*client)->get_config(component);
  return config.ok() ? sha_in(config->document) : std::string();
}

base::Status run_list(Context& context, const ModelOptions& options) {
  if (context.json()) {
    const auto answer = context.get(kModelsTarget);
    if (!answer.ok()) return answer.error();
    context.out() << pretty_json(*answer);
    return {};
  }
  const auto models = fetch_models(context);
  if (!models.ok()) return models.error();
  const std::string active = active_sha(context, options.component);
  Table table({text_column("NAME"), text_column("SHA256"), number_column("SIZE"),
               text_column("STATE"), spare_age_column("PUSHED"), shrinking_column("BY")});
  for (const Listed& model : *models) {
    const std::string state =
        model.sha256 == active ? "active" : (model.complete ? "ready" : "incomplete");
    table.add_row({model.name,
                   context.raw() ? model.sha256 : model.sha256.substr(0, kShownChars),
                   context.raw() ? model.bytes : human_bytes(to_number(model.bytes)),
                   {state, state == "incomplete" ? Tone::warning : Tone::plain},
                   age_cell(model.pushed_at, context.now_ms()),
                   model.author});
  }
  context.print(table, "no models: push one with  ml-guard model push FILE");
  return {};
}

base::Status run_push(Context& context, const ModelOptions& options) {
  const auto bytes = read_document(context.streams(), options.file);
  if (!bytes.ok()) return bytes.error();
  if (bytes->size() > kModelBytesMax) {
    return Error{ErrorCode::too_large, "model_too_large",
                 options.file + " is " + human_bytes(bytes->size()) + "; a model may have " +
                     human_bytes(kModelBytesMax)};
  }
  const std::string name = field_of(*bytes, "name");
  if (field_of(*bytes, "format") != kFormat || name.empty()) {
    return Error{ErrorCode::invalid_argument, "invalid_model",
                 options.file + " is no model file: 'ml-detector train' makes them"};
  }
  base::Sha256 hash;
  hash.update(*bytes);
  const std::string sha256 = hash.finish();
  const std::size_t parts = (bytes->size() + kPartBytes - 1) / kPartBytes;
  ProgressBar bar(context.streams(), "pushing " + name,
                  context.settings().quiet ? ProgressBar::Show::off : ProgressBar::Show::on);
  for (std::size_t part = 0; part < parts; ++part) {
    const std::string target = std::string(kModelsTarget) + "/" + sha256 + "/parts/" +
                               std::to_string(part) + "?parts=" + std::to_string(parts) +
                               "&name=" + url_encode(name);
    const auto sent = context.send("PUT", target, bytes->substr(part * kPartBytes, kPartBytes));
    if (!sent.ok()) return sent.error();
    bar.update(std::min(bytes->size(), (part + 1) * kPartBytes), bytes->size());
  }
  context.report("model " + name + " is there, " + human_bytes(bytes->size()) +
                     "; let it judge with  ml-guard model activate " +
                     sha256.substr(0, kShownChars),
                 json_object({{"name", name}, {"sha256", sha256}}), sha256);
  return {};
}

base::Status put_sha(Context& context, etcd_client::Client& client,
                     const base::ConfigVersion& config, const std::string& sha256,
                     const std::string& comment, const std::string& sentence) {
  const auto edited = set_value(config.document, sha_path(), "\"" + sha256 + "\"");
  if (!edited.ok()) return edited.error();
  etcd_client::PutOptions put;
  put.expected_version = config.version;
  put.comment = comment;
  const auto result = client.put_config(config.component, *edited, put);
  if (!result.ok()) return result.error();
  const std::string version = std::to_string(result->version);
  context.report(sentence + ": " + config.component + " is at version " + version,
                 json_object({{"component", config.component},
                              {"sha256", sha256},
                              {"version", version, JsonField::Kind::literal}}),
                 sha256);
  return {};
}

base::Status run_activate(Context& context, const ModelOptions& options) {
  context.set_subject(options.component);
  const auto model = find_model(context, options.model);
  if (!model.ok()) return model.error();
  if (!model->complete) {
    return Error{ErrorCode::conflict, "model_incomplete",
                 "not all of the model " + model->name + " is there: push it again"};
  }
  const auto client = context.client();
  if (!client.ok()) return client.error();
  const auto config = (*client)->get_config(options.component);
  if (!config.ok()) return config.error();
  if (sha_in(config->document) == model->sha256) {
    context.note("the model " + model->name + " is active already; nothing was written");
    return {};
  }
  return put_sha(
      context, **client, *config, model->sha256, "activate model " + model->name,
      "the model " + model->name + " (" + model->sha256.substr(0, kShownChars) + ") is to judge");
}

// What the configuration named before the model that it names now.
base::Result<std::string> sha_before(etcd_client::Client& client,
                                     const base::ConfigVersion& config) {
  const std::string now = sha_in(config.document);
  std::uint64_t version = config.version;
  for (std::size_t i = 0; i < kVersionsSearched && version > 1; ++i) {
    const auto older = client.get_config(config.component, --version);
    if (!older.ok()) break;
    if (const std::string sha256 = sha_in(older->document); sha256 != now) return sha256;
  }
  return Error{ErrorCode::not_found, "no_model_before",
               "no earlier version of " + config.component + " names another model"};
}

base::Status run_rollback(Context& context, const ModelOptions& options) {
  context.set_subject(options.component);
  const auto client = context.client();
  if (!client.ok()) return client.error();
  const auto config = (*client)->get_config(options.component);
  if (!config.ok()) return config.error();
  const auto before = sha_before(**client, *config);
  if (!before.ok()) return before.error();
  const std::string what =
      before->empty() ? "no pushed model is to judge, as before"
                      : "the model " + before->substr(0, kShownChars) + " is to judge again";
  return put_sha(context, **client, *config, *before, "roll the model back", what);
}

base::Status run_rm(Context& context, const ModelOptions& options) {
  const auto model = find_model(context, options.model);
  if (!model.ok()) return model.error();
  if (model->sha256 == active_sha(context, options.component)) {
    return Error{ErrorCode::conflict, "model_active",
                 "the model " + model->name + " is the active one of " + options.component +
                     ": activate another one first"};
  }
  if (!options.yes) {
    const auto sure =
        context.agreed("Remove the model " + model->name + "?", "nothing was removed");
    if (!sure.ok()) return sure.error();
    if (!*sure) return {};
  }
  const auto answer = context.send("DELETE", std::string(kModelsTarget) + "/" + model->sha256);
  if (!answer.ok()) return answer.error();
  context.report("the model " + model->name + " is removed", *answer, model->sha256);
  return {};
}

void add_component(CLI::App& app, const std::shared_ptr<ModelOptions>& options) {
  app.add_option("--component", options->component, "Of which detector (default: ml-detector)")
      ->type_name("NAME");
}
void add_model(CLI::App& app, const std::shared_ptr<ModelOptions>& options) {
  app.add_option("MODEL", options->model, "Its name, or how its SHA-256 begins")->required();
}

}  // namespace

void define_model(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"model push data/models/flows-v3.json", "model activate flows-v3"});

  const auto options = std::make_shared<ModelOptions>();
  CLI::App& list = add_subcommand(app, "list", "the models that detectors can fetch");
  add_component(list, options);
  set_examples(list, {"model list", "model list -o json"});
  set_action(list, context, [&context, options] { return run_list(context, *options); });

  CLI::App& push = add_subcommand(app, "push", "store a model file, for detectors to fetch");
  push.add_option("FILE", options->file, "As 'ml-detector train' wrote it, or -")->required();
  set_examples(push, {"model push data/models/flows-v3.json"});
  set_action(push, context, [&context, options] { return run_push(context, *options); });

  CLI::App& activate = add_subcommand(app, "activate", "let a pushed model judge");
  add_model(activate, options);
  add_component(activate, options);
  set_examples(activate, {"model activate flows-v3", "model activate 3f2a91"});
  set_action(activate, context, [&context, options] { return run_activate(context, *options); });

  CLI::App& rollback = add_subcommand(app, "rollback", "back to the model before this one");
  add_component(rollback, options);
  set_examples(rollback, {"model rollback"});
  set_action(rollback, context, [&context, options] { return run_rollback(context, *options); });

  CLI::App& rm = add_subcommand(app, "rm", "remove a model that nobody uses");
  add_model(rm, options);
  add_component(rm, options);
  rm.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(rm, {"model rm 3f2a91 --yes"});
  set_action(rm, context, [&context, options] { return run_rm(context, *options); });
}

}  // namespace mlguard::cli
