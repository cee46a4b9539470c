#include "agent/agent.h"

#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/control_loop.h"
#include "agent/stop_signal.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/json_check.h"
#include "base/logging.h"

namespace mlguard::agent {

namespace {

constexpr std::size_t kInstanceIdBytes = 8;
constexpr std::size_t kHostNameCharsMax = 255;
constexpr milliseconds kCallDeadline{5'000};
constexpr milliseconds kEnrolDeadline{3'000};
constexpr milliseconds kUnregisterDeadline{2'000};
constexpr milliseconds kCancelAgain{10};

std::string host_name() {
  std::array<char, kHostNameCharsMax + 1> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "unknown";
  return buffer.data();
}

etcd_client::ClientOptions client_options(const AgentOptions& options, milliseconds deadline) {
  etcd_client::ClientOptions client;
  client.endpoints = options.endpoints;
  client.credential_path = options.credential_path;
  client.client_name = options.name + "/" + options.version;
  client.call_deadline = deadline;
  // An agent keeps working while there is no leader, and a fleet does not read from one instance.
  client.reads = etcd_client::Consistency::local;
  return client;
}

base::Error no_credential(const AgentOptions& options) {
  const std::string role = base::to_string(options.role);
  return {base::ErrorCode::not_found, "no_credential",
          "there is no credential at " + options.credential_path +
              ": run 'ml-guard token create --role " + role +
              "' on a host of the control plane, then start '" + role + " --join TOKEN' once"};
}

// Enrols unless there is a credential already. Waits for a server as long as it takes.
base::Status ensure_enrolled(const AgentOptions& options, const StopSignal& stop) {
  if (::access(options.credential_path.c_str(), F_OK) == 0) return {};
  if (options.join_token.empty()) return no_credential(options);
  bool said = false;
  for (;;) {
    const auto enrolled =
        etcd_client::enrol(client_options(options, kEnrolDeadline), options.join_token,
                           options.name, options.credential_path);
    if (enrolled.ok()) {
      base::log_info("enrolled",
                     {{"component", options.name}, {"credential", options.credential_path}});
      return {};
    }
    if (enrolled.error().code != base::ErrorCode::unavailable) return enrolled;
    if (!std::exchange(said, true)) {
      base::log_warn("waiting for the control plane to enrol",
                     {{"problem", enrolled.error().message}});
    }
    if (stop.requested()) {
      return base::Error{base::ErrorCode::unavailable, "stopped",
                         "stopped before a server could be reached"};
    }
  }
}

base::Result<std::string> first_document(const AgentOptions& options,
                                         const AgentCallbacks& callbacks) {
  if (options.config_path.empty()) return options.default_config;
  auto document = base::read_file(options.config_path, base::kConfigBytesMax);
  if (!document.ok()) return document;
  auto checked = base::check_json(*document);
  if (checked.ok() && callbacks.check_config) checked = callbacks.check_config(*document);
  if (checked.ok()) return document;
  return base::Error{checked.error().code, checked.error().reason,
                     options.config_path + ": " + checked.error().message};
}

class AgentImpl final : public Agent {
 public:
  AgentImpl(AgentOptions options, ControlOptions control, AgentCallbacks callbacks,
            std::unique_ptr<StopSignal> stop, std::unique_ptr<etcd_client::Client> client)
      : options_(std::move(options)),
        component_(control.component),
        stop_(std::move(stop)),
        client_(std::move(client)),
        loop_(std::move(control), std::move(callbacks), *client_, clock_),
        thread_([this] { work(); }),
        pulse_([this] { beat_on(); }) {}

  ~AgentImpl() override {
    stop_->request();
    end_threads();
  }

  int run() override {
    stop_->wait();
    end_threads();
    if (loop_.registered()) unregister();
    base::log_info("stopped", {{"component", component_.name}});
    return exit_code_;
  }

  void stop() override { stop_->request(); }
  etcd_client::Client& client() override { return *client_; }

 private:
  void work() {
    for (;;) {
      const ControlLoop::Step step = loop_.step();
      std::unique_lock lock(mutex_);
      if (step.exit_code && !stopping_) {
        exit_code_ = *step.exit_code;
        stop_->request();
        break;
      }
      wake_.wait_for(lock, step.pause, [this] { return stopping_; });
      if (stopping_) break;
    }
    has_ended();
  }

  void beat_on() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const milliseconds pause = loop_.pulse();
      lock.lock();
      wake_.wait_for(lock, pause, [this] { return stopping_; });
    }
    lock.unlock();
    has_ended();
  }

  void has_ended() {
    const std::lock_guard lock(mutex_);
    --running_;
    wake_.notify_all();
  }

  void end_threads() {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
      // Again and again: a connection that is just being made may not hear the first call.
      while (!wake_.wait_for(lock, kCancelAgain, [this] { return running_ == 0; })) {
        client_->cancel();
      }
    }
    if (thread_.joinable()) thread_.join();
    if (pulse_.joinable()) pulse_.join();
  }

  // With a client of its own: the other one may have been cancelled.
  void unregister() {
    const auto client = etcd_client::Client::open(client_options(options_, kUnregisterDeadline));
    if (!client.ok()) return;
    const auto status = (*client)->unregister_component(component_.name, component_.instance_id);
    if (status.ok()) {
      base::log_info("unregistered", {{"component", component_.name}});
    } else {
      base::log_warn("could not unregister; the control plane will find out by itself",
                     {{"problem", status.error().message}});
    }
  }

  const AgentOptions options_;
  const base::Component component_;
  base::SystemClock clock_;
  std::unique_ptr<StopSignal> stop_;
  std::unique_ptr<etcd_client::Client> client_;
  ControlLoop loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // Guarded by mutex_, as the next two.
  int running_ = 2;        // Threads.
  int exit_code_ = 0;
  std::thread thread_;  // Last: they use all above.
  std::thread pulse_;
};

}  // namespace

base::Result<std::unique_ptr<Agent>> Agent::start(const AgentOptions& given,
                                                  AgentCallbacks callbacks) {
  AgentOptions options = given;
  if (options.name.empty()) options.name = base::to_string(options.role);
  if (options.credential_path.empty()) {
    options.credential_path = base::state_home() + "/" + options.name + ".credential";
  }
  auto document = first_document(options, callbacks);
  if (!document.ok()) return std::move(document).error();
  auto stop = std::make_unique<StopSignal>();
  const auto installed = stop->install();
  if (!installed.ok()) return installed.error();
  const auto enrolled = ensure_enrolled(options, *stop);
  if (!enrolled.ok()) return enrolled.error();
  auto client = etcd_client::Client::open(client_options(options, kCallDeadline));
  if (!client.ok()) return std::move(client).error();

  ControlOptions control;
  control.component.name = options.name;
  control.component.instance_id = base::random_hex(kInstanceIdBytes);
  control.component.role = options.role;
  control.component.version = options.version;
  control.component.address = host_name();
  control.document = std::move(*document);
  return std::unique_ptr<Agent>(std::make_unique<AgentImpl>(std::move(options), std::move(control),
                                                            std::move(callbacks), std::move(stop),
                                                            std::move(*client)));
}

}  // namespace mlguard::agent
