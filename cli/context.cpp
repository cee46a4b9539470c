#include "cli/context.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <istream>
#include <ostream>
#include <utility>

#include "base/result.h"
#include "base/time_format.h"
#include "cli/exit_code.h"
#include "cli/probe.h"
#include "cli/version.h"
#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::cli {
namespace {

constexpr int kHttpErrorFirst = 400;
constexpr std::chrono::milliseconds kConnectTimeout{1'000};

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

// An error that the server sent, as an Error.
base::Result<etcd_client::RawResponse> checked(base::Result<etcd_client::RawResponse> response) {
  if (!response.ok() || response->status < kHttpErrorFirst) return response;
  return wire::decode_error(response->status, response->body);
}

}  // namespace

base::Status Context::resolve() {
  auto settings = resolve_settings(flags_, environment_, streams_);
  if (!settings.ok()) return settings.error();
  settings_ = std::move(*settings);
  return {};
}

base::Status Context::check_server() const {
  if (any_endpoint_listens(settings_.endpoints, kConnectTimeout)) return {};
  return base::Error{base::ErrorCode::unavailable, kReasonNoServer,
                     "no etcd-server answers at " + joined(settings_.endpoints, ", ")};
}

void Context::allow_time(std::chrono::milliseconds at_least) {
  if (!flags_.timeout) settings_.timeout = std::max(settings_.timeout, at_least);
}

base::Result<std::string> Context::credential_path() const {
  const auto& paths = settings_.credential_paths;
  for (const std::string& path : paths) {
    // A file that is there but not readable is reported as that when it is opened.
    if (access(path.c_str(), F_OK) == 0) return path;
  }
  if (const auto listens = check_server(); !listens.ok()) return listens.error();
  return base::Error{
      base::ErrorCode::unauthenticated, kReasonNoCredential,
      "this machine is not enrolled: there is no credential at " + joined(paths, " or ")};
}

etcd_client::ClientOptions Context::client_options() const {
  etcd_client::ClientOptions options;
  options.endpoints = settings_.endpoints;
  options.client_name = std::string("ml-guard/") + kVersion;
  options.call_deadline = settings_.timeout;
  options.connect_timeout = std::min(kConnectTimeout, settings_.timeout);
  options.discovery = discovery_;
  options.reads = settings_.consistency;
  options.writes = settings_.ack;
  return options;
}

base::Result<std::unique_ptr<etcd_client::Client>> Context::open_pinned(
    const std::vector<std::string>& endpoints, std::chrono::milliseconds timeout) const {
  auto path = credential_path();
  if (!path.ok()) return path.error();
  etcd_client::ClientOptions options = client_options();
  options.credential_path = *path;
  options.endpoints = endpoints;
  options.call_deadline = std::min(timeout, settings_.timeout);
  options.discovery = etcd_client::Discovery::fixed;
  options.reads = etcd_client::Consistency::local;
  return etcd_client::Client::open(options);
}

base::Result<std::unique_ptr<etcd_client::Client>> Context::open_client() const {
  auto path = credential_path();
  if (!path.ok()) return path.error();
  if (const auto listens = check_server(); !listens.ok()) return listens.error();
  etcd_client::ClientOptions options = client_options();
  options.credential_path = *path;
  return etcd_client::Client::open(options);
}

base::Result<etcd_client::Client*> Context::client() {
  if (!client_) {
    auto opened = open_client();
    if (!opened.ok()) return opened.error();
    client_ = std::move(*opened);
  }
  return client_.get();
}

base::Result<etcd_client::RawResponse> Context::call(const etcd_client::RawRequest& request) {
  auto opened = client();
  if (!opened.ok()) return opened.error();
  auto response = checked((*opened)->call(request));
  if (response.ok() && request.method == "GET") note_local(*response);
  return response;
}

base::Result<std::string> Context::get(const std::string& target) {
  etcd_client::RawRequest request;
  request.target = target;
  auto response = call(request);
  if (!response.ok()) return response.error();
  return std::move(response->body);
}

base::Result<std::string> Context::get_own(const std::string& target) {
  if (!own_client_) {
    auto listens = check_server();
    if (!listens.ok()) return listens.error();
    auto opened = open_pinned(settings_.endpoints, settings_.timeout);
    if (!opened.ok()) return opened.error();
    own_client_ = std::move(*opened);
  }
  return get_body(*own_client_, target);
}

base::Result<std::string> Context::send(const std::string& method, const std::string& target,
                                        std::string body) {
  auto response = call({method, target, std::move(body), {}});
  if (!response.ok()) return response.error();
  return std::move(response->body);
}

base::Result<std::string> get_body(etcd_client::Client& client, const std::string& target) {
  etcd_client::RawRequest request;
  request.target = target;
  auto response = checked(client.call(request));
  if (!response.ok()) return response.error();
  return std::move(response->body);
}

void Context::note_local(const etcd_client::RawResponse& response) {
  if (settings_.consistency != etcd_client::Consistency::local) return;
  if (std::exchange(said_local_, true)) return;
  std::string heard;
  for (const auto& [name, value] : response.fields) {
    if (name != wire::kFieldAgeMs || value == "0") continue;
    const auto age_ms = static_cast<std::int64_t>(std::strtoull(value.c_str(), nullptr, 10));
    heard = ", which last heard its leader " + base::human_duration(age_ms) + " ago";
  }
  note("this is what " + client_->endpoint() + " itself has" + heard + ": it may lag behind");
}

std::size_t Context::columns_max() const {
  return streams_.out_is_terminal ? streams_.columns : kNoColumnLimit;
}

void Context::print(const Table& table, std::string_view when_empty) {
  if (raw()) {
    out() << table.render_raw();
  } else if (table.empty()) {
    out() << when_empty << "\n";
  } else {
    out() << table.render(columns_max(), settings_.out_color);
  }
}

void Context::report(std::string_view sentence, std::string_view json_text,
                     std::string_view raw_text) {
  if (report_sink_ != nullptr) {
    if (!report_sink_->empty()) *report_sink_ += '\n';
    *report_sink_ += sentence;
    return;
  }
  if (settings_.quiet) return;
  switch (settings_.output) {
    case OutputMode::table: out() << sentence << "\n"; break;
    case OutputMode::json: out() << json_text << "\n"; break;
    case OutputMode::raw: out() << raw_text << "\n"; break;
  }
}

void Context::note(std::string_view sentence) {
  if (!settings_.quiet) streams_.err << sentence << "\n";
}

base::Result<bool> Context::confirm(std::string_view question) {
  if (!streams_.in_is_terminal) {
    return usage_error("this asks before it acts, and there is no terminal to ask on; add --yes");
  }
  streams_.err << question << " [y/N] " << std::flush;
  std::string answer;
  if (!std::getline(streams_.in, answer)) return false;
  return answer == "y" || answer == "Y" || answer == "yes";
}

base::Result<bool> Context::agreed(std::string_view question, std::string_view when_not) {
  auto sure = confirm(question);
  if (sure.ok() && !*sure) note(when_not);
  return sure;
}

std::string url_encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  static constexpr std::string_view kPlainMarks = "-_.~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_alphanumeric || kPlainMarks.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 0x0FU];
    }
  }
  return out;
}

}  // namespace mlguard::cli
