// ml-guard config put, set, rollback, rm, validate: what makes new versions, and the check before.
#include "base/json_check.h"
#include "cli/commands/config.h"
#include "cli/exit_code.h"
#include "cli/input.h"
#include "cli/json_edit.h"
#include "cli/listing.h"
#include "cli/progress.h"

namespace mlguard::cli {
namespace {

// Somebody may put a version between our read and our write: once is bad luck, twice is a quarrel.
constexpr int kSetAttempts = 2;

base::Result<etcd_client::PutResult> put(Context& context, const std::string& component,
                                         const std::string& document,
                                         etcd_client::PutOptions put_options) {
  auto client = context.client();
  if (!client.ok()) return client.error();
  ProgressBar bar(context.streams(), "storing " + component,
                  context.settings().quiet ? ProgressBar::Show::off : ProgressBar::Show::on);
  put_options.progress = [&](std::size_t sent, std::size_t total) { bar.update(sent, total); };
  return (*client)->put_config(component, document, put_options);
}

base::Error version_moved(const std::string& component, std::uint64_t expected,
                          std::uint64_t active) {
  return {base::ErrorCode::precondition_failed, "version_mismatch",
          component + " is at version " + std::to_string(active) + ", no longer at " +
              std::to_string(expected) + ": nothing was written"};
}

struct Edit {
  std::string document;
  std::string value_before;  // empty: there was none
  std::uint64_t version = 0;
};

base::Result<Edit> edit_value(Context& context, const ConfigOptions& options,
                              const std::vector<std::string>& path, const std::string& json) {
  auto client = context.client();
  if (!client.ok()) return client.error();
  auto config = (*client)->get_config(options.component);
  if (!config.ok()) return config.error();
  // The editing needs valid JSON; a server never stores anything else.
  const auto valid = base::check_json(config->document);
  if (!valid.ok()) return valid.error();
  auto before = get_value(config->document, path);
  auto edited = set_value(config->document, path, json);
  if (!edited.ok()) return edited.error();
  return Edit{std::move(*edited), before.ok() ? *before : std::string(), config->version};
}

}  // namespace

base::Status check_document(const std::string& document, const std::string& name) {
  if (document.size() > base::kConfigBytesMax) {
    return base::Error{base::ErrorCode::too_large, "config_too_large",
                       name + " is " + human_bytes(document.size()) +
                           "; a configuration may have " + human_bytes(base::kConfigBytesMax)};
  }
  const auto valid = base::check_json(document);
  if (valid.ok()) return {};
  base::Error error = valid.error();
  // Not the server's "invalid_json": its advice, `config validate`, would say just this again.
  error.reason = "invalid_document";
  error.message = name + ": " + error.message;
  return error;
}

void report_version(Context& context, const std::string& component,
                    const etcd_client::PutResult& result, const std::string& sentence) {
  using Kind = JsonField::Kind;
  const std::string version = std::to_string(result.version);
  context.report(sentence + ": " + component + " is at version " + version,
                 json_object({{"component", component},
                              {"version", version, Kind::literal},
                              {"revision", std::to_string(result.revision), Kind::literal}}),
                 version);
}

base::Status config_put(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  auto document = read_document(context.streams(), options.file);
  if (!document.ok()) return document.error();
  const std::string name = options.file == "-" ? "the input" : options.file;
  const auto valid = check_document(*document, name);
  if (!valid.ok()) return valid.error();
  etcd_client::PutOptions put_options;
  put_options.comment = options.comment;
  put_options.expected_version = options.if_version;
  auto result = put(context, options.component, *document, std::move(put_options));
  if (!result.ok()) return result.error();
  report_version(context, options.component, *result, "stored " + human_bytes(document->size()));
  return {};
}

base::Status config_set(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  auto path = parse_path(options.path);
  if (!path.ok()) return path.error();
  const std::string json = value_to_json(options.value);
  for (int attempt = 1;; ++attempt) {
    auto edit = edit_value(context, options, *path, json);
    if (!edit.ok()) return edit.error();
    if (options.if_version && edit->version != *options.if_version) {
      return version_moved(options.component, *options.if_version, edit->version);
    }
    if (edit->value_before == json) {
      context.note(options.path + " is " + json + " already; nothing was written");
      return {};
    }
    const auto valid = check_document(edit->document, "the edited document");
    if (!valid.ok()) return valid.error();
    etcd_client::PutOptions put_options;
    put_options.expected_version = edit->version;
    put_options.comment = options.comment.empty() ? "set " + options.path : options.comment;
    auto result = put(context, options.component, edit->document, std::move(put_options));
    if (result.ok()) {
      const std::string was =
          edit->value_before.empty() ? "was not set" : "was " + edit->value_before;
      report_version(context, options.component, *result,
                     options.path + " = " + json + " (" + was + ")");
      return {};
    }
    const bool raced = result.error().code == base::ErrorCode::precondition_failed;
    if (!raced || attempt == kSetAttempts || options.if_version) return result.error();
  }
}

base::Status config_rollback(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  if (options.version == 0) return usage_error("versions count from 1");
  auto client = context.client();
  if (!client.ok()) return client.error();
  if (options.if_version) {
    const auto active = (*client)->get_config(options.component);
    if (!active.ok()) return active.error();
    if (active->version != *options.if_version) {
      return version_moved(options.component, *options.if_version, active->version);
    }
  }
  auto result = (*client)->rollback_config(options.component, options.version, options.comment);
  if (!result.ok()) return result.error();
  report_version(context, options.component, *result,
                 "version " + std::to_string(options.version) + " is in force again");
  return {};
}

base::Status config_rm(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  if (!options.yes) {
    auto sure =
        context.agreed("Delete the configuration of " + options.component + "? Its history stays.",
                       "nothing was deleted");
    if (!sure.ok()) return sure.error();
    if (!*sure) return {};
  }
  auto client = context.client();
  if (!client.ok()) return client.error();
  const auto deleted = (*client)->delete_config(options.component);
  if (!deleted.ok()) return deleted;
  context.report("the configuration of " + options.component + " is deleted; bring it back with  " +
                     "ml-guard config rollback " + options.component + " VERSION",
                 json_object({{"component", options.component}, {"status", "deleted"}}),
                 options.component);
  return {};
}

base::Status config_validate(Context& context, const ConfigOptions& options) {
  auto document = read_document(context.streams(), options.file);
  if (!document.ok()) return document.error();
  const std::string name = options.file == "-" ? "the input" : options.file;
  const auto valid = check_document(*document, name);
  if (!valid.ok()) return valid;
  context.report(name + " is valid JSON, " + human_bytes(document->size()),
                 json_object({{"file", name}, {"status", "valid"}}), "valid");
  return {};
}

}  // namespace mlguard::cli
