// The parts of `ml-guard config`: config.cpp defines the command line, the others do the work.
// Internal to commands/. Not for sharing between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/model.h"
#include "base/result.h"
#include "cli/context.h"
#include "etcd_client/client.h"

namespace mlguard::cli {

// Filled from the command line; each subcommand uses its own part.
struct ConfigOptions {
  std::string component;
  std::string path;         // of a value inside the document
  std::string value;        //
  std::string file;         // put, validate; "-": the standard input
  std::string output_file;  // get
  std::string from;         // diff: version or file
  std::string to;
  std::string comment;
  std::uint64_t version = 0;
  std::optional<std::uint64_t> if_version;
  std::uint64_t count = 0;  // watch: end after so many; 0: never
  bool yes = false;
};

base::Status config_get(Context& context, const ConfigOptions& options);
base::Status config_list(Context& context);
base::Status config_history(Context& context, const ConfigOptions& options);
base::Status config_diff(Context& context, const ConfigOptions& options);
base::Status config_watch(Context& context, const ConfigOptions& options);

base::Status config_put(Context& context, const ConfigOptions& options);
base::Status config_set(Context& context, const ConfigOptions& options);
base::Status config_rollback(Context& context, const ConfigOptions& options);
base::Status config_rm(Context& context, const ConfigOptions& options);
base::Status config_validate(Context& context, const ConfigOptions& options);
base::Status config_edit(Context& context, const ConfigOptions& options);

// Shared by put, set and edit.
// The document is JSON and not too large; `name` is what the message calls it.
base::Status check_document(const std::string& document, const std::string& name);
void report_version(Context& context, const std::string& component,
                    const etcd_client::PutResult& result, const std::string& sentence);
std::string colored_diff(const std::string& diff, Color color);

}  // namespace mlguard::cli
