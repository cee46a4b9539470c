// ml-guard config get, list, history, diff, watch: what only reads.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <ostream>

#include "base/files.h"
#include "base/json_check.h"
#include "base/time_format.h"
#include "cli/commands/config.h"
#include "cli/exit_code.h"
#include "cli/input.h"
#include "cli/json_edit.h"
#include "cli/listing.h"
#include "cli/text_diff.h"
#include "wire/messages.h"

namespace mlguard::cli {
namespace {

constexpr mode_t kPrivateFileMode = 0600;  // configurations hold secrets

base::Result<base::ConfigVersion> fetch(Context& context, const std::string& component,
                                        std::uint64_t version) {
  auto client = context.client();
  if (!client.ok()) return client.error();
  auto config = (*client)->get_config(component, version);
  if (config.ok()) context.note_local();
  return config;
}

std::string document_json(const base::ConfigVersion& config) {
  using Kind = JsonField::Kind;
  return pretty_json(json_object({{"component", config.component},
                                  {"version", std::to_string(config.version), Kind::literal},
                                  {"sha256", config.sha256},
                                  {"revision", std::to_string(config.revision), Kind::literal},
                                  {"document", config.document, Kind::literal}}));
}

std::string version_json(const base::ConfigVersion& config) {
  using Kind = JsonField::Kind;
  return json_object({{"component", config.component},
                      {"version", std::to_string(config.version), Kind::literal},
                      {"sha256", config.sha256},
                      {"author", config.author},
                      {"comment", config.comment},
                      {"created_at", base::iso_time(config.created_at_ms)},
                      {"active", config.active ? "true" : "false", Kind::literal}});
}

bool is_version(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Side {
  std::string text;
  std::string name;
};

base::Result<Side> version_side(Context& context, const std::string& component,
                                std::uint64_t version) {
  auto config = fetch(context, component, version);
  if (!config.ok()) return config.error();
  return Side{config->document, component + " version " + std::to_string(config->version)};
}

base::Result<Side> side(Context& context, const std::string& component, const std::string& typed) {
  if (typed.empty()) return version_side(context, component, 0);
  if (is_version(typed)) {
    return version_side(context, component, std::strtoull(typed.c_str(), nullptr, 10));
  }
  auto content = read_document(context.streams(), typed);
  if (!content.ok()) return content.error();
  return Side{std::move(*content), typed};
}

// What a bare `config diff COMPONENT` compares the active version with.
base::Result<std::string> version_before_active(Context& context, const std::string& component) {
  auto active = fetch(context, component, 0);
  if (!active.ok()) return active.error();
  if (active->version <= 1) {
    return base::Error{base::ErrorCode::not_found, "no_version",
                       component + " has only version 1: there is nothing before it"};
  }
  return std::to_string(active->version - 1);
}

}  // namespace

base::Status config_get(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  auto config = fetch(context, options.component, options.version);
  if (!config.ok()) return config.error();
  std::string text = config->document;
  if (!options.path.empty()) {
    auto path = parse_path(options.path);
    if (!path.ok()) return path.error();
    auto value = get_value(text, *path);
    if (!value.ok()) return value.error();
    text = std::move(*value) + "\n";
  } else if (context.json()) {
    text = document_json(*config);
  }
  if (!options.output_file.empty()) {
    const auto written = base::write_file_atomic(options.output_file, text, kPrivateFileMode);
    if (!written.ok()) return written.error();
    context.note("wrote " + options.component + " version " + std::to_string(config->version) +
                 " to " + options.output_file);
    return {};
  }
  context.out() << text;
  // The prompt after it should not stand on the document's last line.
  if (context.streams().out_is_terminal && !context.raw() && !text.ends_with('\n')) {
    context.out() << "\n";
  }
  return {};
}

base::Status config_list(Context& context) {
  auto answer = context.get("/v1/config");
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  auto configs = wire::decode_config_list("configs", *answer);
  if (!configs.ok()) return configs.error();
  Table table({shrinking_column("COMPONENT"), number_column("VERSION"), text_column("CHANGED"),
               age_column("AGE"), shrinking_column("AUTHOR"), shrinking_column("COMMENT")});
  for (const base::ConfigVersion& config : *configs) {
    table.add_row({config.component, std::to_string(config.version),
                   short_time(base::iso_time(config.created_at_ms)),
                   age_cell(config.created_at_ms, context.now_ms()), config.author,
                   config.comment});
  }
  context.print(table, "no configurations yet: store one with  ml-guard config put COMPONENT FILE");
  return {};
}

base::Status config_history(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  auto client = context.client();
  if (!client.ok()) return client.error();
  auto versions = (*client)->config_history(options.component);
  if (!versions.ok()) return versions.error();
  context.note_local();
  if (context.json()) {
    context.out() << pretty_json(wire::encode_config_list("versions", *versions));
    return {};
  }
  Table table({number_column("VERSION"), text_column("STATE"), text_column("STORED"),
               age_column("AGE"), shrinking_column("AUTHOR"), shrinking_column("COMMENT")});
  for (const base::ConfigVersion& version : *versions) {
    const std::string state = version.active ? "active" : "";
    table.add_row({std::to_string(version.version),
                   {state, tone_of_word(state)},
                   short_time(base::iso_time(version.created_at_ms)),
                   age_cell(version.created_at_ms, context.now_ms()),
                   version.author,
                   version.comment});
  }
  context.print(table, options.component + " has no configuration yet: store one with  " +
                           "ml-guard config put " + options.component + " FILE");
  return {};
}

std::string colored_diff(const std::string& diff, Color color) {
  std::string out;
  std::size_t begin = 0;
  while (begin < diff.size()) {
    const std::size_t end = std::min(diff.find('\n', begin), diff.size());
    const std::string_view line = std::string_view(diff).substr(begin, end - begin);
    Tone tone = Tone::plain;
    if (line.starts_with("+++") || line.starts_with("---")) {
      tone = Tone::strong;
    } else if (line.starts_with('+')) {
      tone = Tone::good;
    } else if (line.starts_with('-')) {
      tone = Tone::bad;
    } else if (line.starts_with('@')) {
      tone = Tone::faint;
    }
    out += paint(line, tone, color) + "\n";
    begin = end + 1;
  }
  return out;
}

base::Status config_diff(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  std::string from = options.from;
  if (from.empty()) {
    auto before = version_before_active(context, options.component);
    if (!before.ok()) return before.error();
    from = std::move(*before);
  }
  auto before = side(context, options.component, from);
  if (!before.ok()) return before.error();
  auto after = side(context, options.component, options.to);
  if (!after.ok()) return after.error();
  const std::string diff = unified_diff(before->text, after->text, before->name, after->name);
  if (diff.empty()) {
    context.note(before->name + " and " + after->name + " are the same");
    return {};
  }
  context.out() << colored_diff(diff, context.settings().out_color);
  return {};
}

base::Status config_watch(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  // Asked once in the open, so that a missing server or right is said at once and not retried.
  auto now = fetch(context, options.component, 0);
  if (!now.ok() && now.error().code != base::ErrorCode::not_found) return now.error();
  if (!now.ok()) context.note("no configuration yet; waiting for the first (Ctrl-C ends)");
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t seen = 0;
  bool broken = false;
  const auto show = [&](const base::ConfigVersion& config) {
    const std::lock_guard lock(mutex);
    if (context.json()) {
      context.out() << version_json(config) << "\n";
    } else if (context.raw()) {
      context.out() << config.document;
      if (!config.document.ends_with('\n')) context.out() << "\n";
    } else {
      context.out() << short_time(base::iso_time(context.now_ms())) << "  " << options.component
                    << " version " << config.version << ", sha256 " << config.sha256.substr(0, 12)
                    << ", " << human_bytes(config.document.size()) << "\n";
    }
    context.out().flush();
    broken = !context.out().good();
    ++seen;
    changed.notify_all();
  };
  auto client = context.client();
  if (!client.ok()) return client.error();
  const auto watch = (*client)->watch_config(options.component, show);
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return broken || (options.count > 0 && seen >= options.count); });
  return {};
}

}  // namespace mlguard::cli
