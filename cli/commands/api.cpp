// ml-guard api: curl for the sealed API.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/input.h"
#include "wire/api_error.h"

namespace mlguard::cli {
namespace {

constexpr int kHttpErrorFirst = 400;

struct ApiOptions {
  std::string method;
  std::string path;
  std::string data;
  std::vector<std::string> fields;
  bool include = false;
};

base::Result<etcd_client::RawRequest> make_request(Context& context, const ApiOptions& options) {
  etcd_client::RawRequest request;
  request.method = options.method;
  std::transform(request.method.begin(), request.method.end(), request.method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  static const std::vector<std::string> methods = {"GET", "PUT", "POST", "DELETE"};
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
    return usage_error("the method '" + options.method + "' is not one of GET, PUT, POST, DELETE");
  }
  if (!options.path.starts_with('/')) {
    return usage_error("the path '" + options.path + "' must begin with '/', such as /v1/rules");
  }
  request.target = options.path;
  for (const std::string& field : options.fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos || equals == 0) {
      return usage_error("the field '" + field + "' is not NAME=VALUE, such as if-match=3");
    }
    request.fields.emplace_back(field.substr(0, equals), field.substr(equals + 1));
  }
  auto body = read_data(context.streams(), options.data);
  if (!body.ok()) return body.error();
  request.body = std::move(*body);
  return request;
}

base::Status run_api(Context& context, const ApiOptions& options) {
  auto request = make_request(context, options);
  if (!request.ok()) return request.error();
  auto opened = context.client();
  if (!opened.ok()) return opened.error();
  auto response = (*opened)->call(*request);
  if (!response.ok()) return response.error();
  std::ostream& out = context.out();
  if (options.include) {
    out << response->status << "\n";
    for (const auto& [name, value] : response->fields) {
      out << harmless(name) << ": " << harmless(value) << "\n";
    }
    out << "\n";
  }
  const bool failed = response->status >= kHttpErrorFirst;
  // On a terminal the error line says what the body says.
  if (!failed || options.include || !context.streams().out_is_terminal) {
    out << response->body;
    const bool ends_line = response->body.empty() || response->body.ends_with('\n');
    if (context.streams().out_is_terminal && !ends_line) out << "\n";
  }
  if (!failed) return {};
  return wire::decode_error(response->status, response->body);
}

}  // namespace

void define_api(CLI::App& app, Context& context) {
  auto options = std::make_shared<ApiOptions>();
  app.add_option("METHOD", options->method, "GET, PUT, POST or DELETE")->required();
  app.add_option("PATH", options->path, "Path and query, such as /v1/rules?limit=10")->required();
  app.add_option("-d,--data", options->data, "Body; @FILE reads a file, - reads the input")
      ->type_name("JSON|@FILE|-");
  app.add_option("-f,--field", options->fields,
                 "Sealed header field, such as if-match=3 or comment=...; may be repeated")
      ->type_name("NAME=VALUE")
      ->take_all();
  app.add_flag("-i,--include", options->include, "Show the status and the sealed fields, too");
  set_examples(app, {"api GET /info", "api POST /heartbeat -d '{\"component\": \"sniffer\", ...}'",
                     "api PUT /v1/config/sniffer -d @sniffer.json -f if-match=3 -i"});
  set_action(app, context, [&context, options] { return run_api(context, *options); });
}

}  // namespace mlguard::cli
