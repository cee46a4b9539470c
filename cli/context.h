// Context: what one run of ml-guard shares among its parts: streams, settings, the lazily opened
// client, and the ways to say something. Commands put their work into set_action() while the
// command line is parsed; run() resolves the settings and then calls it.
//
// Threads: not for sharing, but for open_client(), settings() and now_ms().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "etcd_client/client.h"

namespace mlguard::cli {

class Context {
 public:
  Context(Streams& streams, const Environment& environment, const base::Clock& clock)
      : streams_(streams), environment_(environment), clock_(clock) {}

  GlobalFlags& flags() { return flags_; }
  const Environment& environment() const { return environment_; }
  const Settings& settings() const { return settings_; }
  Streams& streams() { return streams_; }
  std::int64_t now_ms() const { return clock_.wall_ms(); }

  void set_action(std::function<base::Status()> action) { action_ = std::move(action); }
  bool has_action() const { return static_cast<bool>(action_); }
  base::Status run_action() { return action_(); }
  base::Status resolve();

  // What the command is about ("sniffer"), for the advice that follows an error.
  void set_subject(std::string subject) { subject_ = std::move(subject); }
  const std::string& subject() const { return subject_; }
  // The first existing credential file. Error: kReasonNoCredential, or no_server when nobody
  // listens either: then that is the first thing to mend.
  base::Result<std::string> credential_path() const;

  // Error: no_server. An agent waits for its server to come back; a person wants to know at once
  // that it is gone.
  base::Status check_server() const;
  // For calls that take long by their nature, unless --timeout says otherwise. Before client().
  void allow_time(std::chrono::milliseconds at_least);
  // Keeps client() with the configured endpoints, for calls that belong together at one instance.
  // Before client().
  void stay_put() { discovery_ = etcd_client::Discovery::fixed; }
  // Opened at the first use.
  base::Result<etcd_client::Client*> client();
  // One more, with a connection of its own.
  base::Result<std::unique_ptr<etcd_client::Client>> open_client() const;
  etcd_client::ClientOptions client_options() const;
  // A client that hears what these endpoints themselves say: it learns of no others, and what it
  // reads is their own state.
  base::Result<std::unique_ptr<etcd_client::Client>> open_pinned(
      const std::vector<std::string>& endpoints, std::chrono::milliseconds timeout) const;

  // A sealed request; a status of 400 and above becomes the Error that the server sent.
  base::Result<etcd_client::RawResponse> call(const etcd_client::RawRequest& request);
  base::Result<std::string> get(const std::string& target);  // the body
  // The same of the first configured endpoint that answers: what that instance itself says.
  base::Result<std::string> get_own(const std::string& target);
  // A sealed request that changes something; the body of its answer.
  base::Result<std::string> send(const std::string& method, const std::string& target,
                                 std::string body = {});

  bool json() const { return settings_.output == OutputMode::json; }
  bool raw() const { return settings_.output == OutputMode::raw; }
  bool table() const { return settings_.output == OutputMode::table; }
  std::ostream& out() { return streams_.out; }
  // The width that tables keep to: the terminal's, or none into a pipe.
  std::size_t columns_max() const;
  std::string painted(std::string_view text, Tone tone) const {
    return paint(text, tone, settings_.out_color);
  }
  // In table or raw mode as it says; `when_empty` replaces a table without rows.
  void print(const Table& table, std::string_view when_empty);
  // The result of a command that changes something, in the words of each mode. Nothing if --quiet.
  void report(std::string_view sentence, std::string_view json_text, std::string_view raw_text);
  // From now on report() adds to `sink` instead of printing; null: it prints again.
  void collect_reports(std::string* sink) { report_sink_ = sink; }
  // A remark beside the output, on the error stream. Nothing if --quiet.
  void note(std::string_view sentence);
  // With --consistency local: says once that what was read is one instance's own state, and how
  // long ago that one heard its leader, where it is known.
  void note_local(const etcd_client::RawResponse& response = {});
  // Asks on the terminal; false when the answer is not yes. Error: usage, when there is nobody to
  // ask and so --yes is needed.
  base::Result<bool> confirm(std::string_view question);
  // The same, and says `when_not` when the answer is not yes.
  base::Result<bool> agreed(std::string_view question, std::string_view when_not);

 private:
  Streams& streams_;
  const Environment& environment_;
  const base::Clock& clock_;
  GlobalFlags flags_;
  Settings settings_;
  std::string subject_;
  std::function<base::Status()> action_;
  std::unique_ptr<etcd_client::Client> client_;
  std::unique_ptr<etcd_client::Client> own_client_;
  etcd_client::Discovery discovery_ = etcd_client::Discovery::members;
  bool said_local_ = false;
  std::string* report_sink_ = nullptr;
};

// The body of a successful GET; a status of 400 and above becomes the Error that the server sent.
base::Result<std::string> get_body(etcd_client::Client& client, const std::string& target);

// Percent-encodes one segment of a path or one query value.
std::string url_encode(std::string_view text);

}  // namespace mlguard::cli
