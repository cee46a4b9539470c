#include "cli/bench.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "base/ids.h"

namespace mlguard::cli {
namespace {

using Clock = std::chrono::steady_clock;
using etcd_client::Client;

// How long the writer of a watch load waits until all watchers have seen a version.
constexpr std::chrono::seconds kWatchDelayMax{5};
constexpr std::size_t kRunIdBytes = 3;
// The server takes a component's kind from its name, so the heartbeats come from "sniffers".
constexpr const char* kHeartbeatPrefix = "sniffer-";

std::atomic<bool> interrupted = false;

// Ctrl-C ends the load, not the clean-up. The former handlers come back at the end.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = false;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    sigaction(SIGINT, &action, &old_interrupt_);
    sigaction(SIGTERM, &action, &old_terminate_);
  }
  ~InterruptGuard() {
    sigaction(SIGINT, &old_interrupt_, nullptr);
    sigaction(SIGTERM, &old_terminate_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

// One thread's part: how to begin, what to repeat, how to clean up.
class Load {
 public:
  virtual ~Load() = default;
  virtual base::Status begin() = 0;
  virtual base::Status step() = 0;
  virtual base::Status end() = 0;
};

class PutLoad final : public Load {
 public:
  PutLoad(Client& client, std::string name, std::size_t size_bytes)
      : client_(client), name_(std::move(name)), size_bytes_(size_bytes) {}
  base::Status begin() override { return step(); }
  base::Status step() override {
    const auto result = client_.put_config(name_, bench_document(size_bytes_, ++number_));
    return result.ok() ? base::Status{} : base::Status{result.error()};
  }
  base::Status end() override { return client_.delete_config(name_); }

 private:
  Client& client_;
  std::string name_;
  std::size_t size_bytes_;
  std::uint64_t number_ = 0;
};

class GetLoad final : public Load {
 public:
  GetLoad(Client& client, std::string name, std::size_t size_bytes)
      : client_(client), name_(std::move(name)), size_bytes_(size_bytes) {}
  base::Status begin() override {
    const auto put = client_.put_config(name_, bench_document(size_bytes_, 1));
    return put.ok() ? step() : base::Status{put.error()};
  }
  base::Status step() override {
    const auto config = client_.get_config(name_);
    return config.ok() ? base::Status{} : base::Status{config.error()};
  }
  base::Status end() override { return client_.delete_config(name_); }

 private:
  Client& client_;
  std::string name_;
  std::size_t size_bytes_;
};

class HeartbeatLoad final : public Load {
 public:
  HeartbeatLoad(Client& client, std::string name) : client_(client) {
    beat_.component = std::move(name);
    beat_.instance_id = "bench";
    beat_.detail = R"({"packets":123456,"dropped":0})";
  }
  base::Status begin() override {
    base::Component component;
    component.name = beat_.component;
    component.instance_id = beat_.instance_id;
    component.version = "bench";
    const auto registered = client_.register_component(component);
    return registered.ok() ? step() : registered;
  }
  base::Status step() override {
    ++beat_.seq;
    const auto reply = client_.heartbeat(beat_);
    return reply.ok() ? base::Status{} : base::Status{reply.error()};
  }
  base::Status end() override {
    return client_.unregister_component(beat_.component, beat_.instance_id);
  }

 private:
  Client& client_;
  base::Heartbeat beat_;
};

struct Worker {
  std::unique_ptr<Client> client;
  std::unique_ptr<Load> load;
  Latencies latencies;
  std::uint64_t errors = 0;
  std::string first_error;
};

std::unique_ptr<Load> make_load(const BenchOptions& options, Client& client,
                                const std::string& name) {
  if (options.operation == "put") {
    return std::make_unique<PutLoad>(client, name, options.size_bytes);
  }
  if (options.operation == "get") {
    return std::make_unique<GetLoad>(client, name, options.size_bytes);
  }
  return std::make_unique<HeartbeatLoad>(client, kHeartbeatPrefix + name);
}

void repeat(Worker& worker, Clock::time_point until) {
  auto before = Clock::now();
  while (before < until && !interrupted) {
    const base::Status status = worker.load->step();
    const auto after = Clock::now();
    if (status.ok()) {
      worker.latencies.add_ns((after - before).count());
    } else if (++worker.errors == 1) {
      worker.first_error = status.error().message;
    }
    before = after;
  }
}

// Runs all workers from one instant on.
double run_workers(std::vector<Worker>& workers, std::chrono::milliseconds duration) {
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (Worker& worker : workers) {
    threads.emplace_back([&worker, until = begin + duration] { repeat(worker, until); });
  }
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

base::Result<BenchResult> run_steps(const BenchOptions& options, const OpenClient& open_client) {
  const std::string prefix = "bench-" + base::random_hex(kRunIdBytes) + "-";
  std::vector<Worker> workers(options.clients);
  base::Status begun;
  for (std::size_t i = 0; i < workers.size() && begun.ok(); ++i) {
    auto client = open_client();
    if (!client.ok()) {
      begun = client.error();
      break;
    }
    workers[i].client = std::move(*client);
    workers[i].load = make_load(options, *workers[i].client, prefix + std::to_string(i));
    begun = workers[i].load->begin();  // connects, too: no handshake falls into the measurement
  }
  BenchResult result;
  result.options = options;
  if (begun.ok()) result.elapsed_s = run_workers(workers, options.duration);
  Latencies all;
  for (Worker& worker : workers) {
    if (!worker.load) continue;
    result.endpoint = worker.client->endpoint();
    all.merge(worker.latencies);
    result.errors += worker.errors;
    if (result.first_error.empty()) result.first_error = worker.first_error;
    const auto ended = worker.load->end();
    if (!ended.ok() && begun.ok() && result.first_error.empty()) {
      result.first_error = "cleaning up: " + ended.error().message;
    }
  }
  if (!begun.ok()) return begun.error();
  result.latency = all.summarize();
  return result;
}

// ---- watch: one writer, many watchers; measured is the time from the call of put to each
// watcher's callback.
struct WatchState {
  std::mutex mutex;
  std::condition_variable all_seen;
  std::uint64_t version = 0;  // being waited for
  Clock::time_point put_at;
  std::size_t seen = 0;
  Latencies latencies;
};

void on_version(WatchState& state, std::uint64_t& last, std::uint64_t version) {
  const auto now = Clock::now();
  const std::lock_guard lock(state.mutex);
  // A watch begins with the active version, which nobody is waiting for.
  if (version <= last) return;
  last = version;
  if (version != state.version) return;
  state.latencies.add_ns((now - state.put_at).count());
  ++state.seen;
  state.all_seen.notify_all();
}

// Puts version `number` and waits until all have seen it. False: somebody did not in time.
base::Result<bool> put_and_wait(Client& writer, const std::string& name,
                                const BenchOptions& options, WatchState& state,
                                std::uint64_t number) {
  {
    const std::lock_guard lock(state.mutex);
    state.version = number;
    state.seen = 0;
    state.put_at = Clock::now();
  }
  const auto put = writer.put_config(name, bench_document(options.size_bytes, number));
  if (!put.ok()) return put.error();
  std::unique_lock lock(state.mutex);
  return state.all_seen.wait_for(lock, kWatchDelayMax,
                                 [&] { return state.seen == options.clients; });
}

struct Watcher {
  std::unique_ptr<Client> client;
  std::uint64_t last = 0;
  std::unique_ptr<etcd_client::Subscription> watch;
};

base::Result<BenchResult> run_watch(const BenchOptions& options, const OpenClient& open_client) {
  const std::string name = "bench-" + base::random_hex(kRunIdBytes) + "-watch";
  auto writer = open_client();
  if (!writer.ok()) return writer.error();
  WatchState state;
  std::vector<Watcher> watchers(options.clients);
  for (Watcher& watcher : watchers) {
    auto client = open_client();
    if (!client.ok()) return client.error();
    watcher.client = std::move(*client);
  }
  // The first version counts as the warm-up: every watcher must have seen it.
  std::uint64_t number = 1;
  {
    const std::lock_guard lock(state.mutex);
    state.version = number;
    state.put_at = Clock::now();
  }
  const auto first = (*writer)->put_config(name, bench_document(options.size_bytes, number));
  if (!first.ok()) return first.error();
  for (Watcher& watcher : watchers) {
    watcher.watch =
        watcher.client->watch_config(name, [&state, &watcher](const base::ConfigVersion& config) {
          on_version(state, watcher.last, config.version);
        });
  }
  BenchResult result;
  result.options = options;
  {
    std::unique_lock lock(state.mutex);
    if (!state.all_seen.wait_for(lock, kWatchDelayMax,
                                 [&] { return state.seen == options.clients; })) {
      result.first_error = "not every watch began in time";
    }
    state.latencies = Latencies();
  }
  const auto begin = Clock::now();
  while (Clock::now() < begin + options.duration && !interrupted) {
    const auto seen = put_and_wait(**writer, name, options, state, ++number);
    if (seen.ok() && *seen) continue;
    ++result.errors;
    if (result.first_error.empty()) {
      result.first_error = seen.ok() ? "a watcher missed a version" : seen.error().message;
    }
  }
  result.elapsed_s = std::chrono::duration<double>(Clock::now() - begin).count();
  for (Watcher& watcher : watchers) watcher.watch.reset();
  result.endpoint = (*writer)->endpoint();
  const auto deleted = (*writer)->delete_config(name);
  if (!deleted.ok() && result.first_error.empty()) {
    result.first_error = "cleaning up: " + deleted.error().message;
  }
  result.latency = state.latencies.summarize();
  return result;
}

}  // namespace

std::string bench_document(std::size_t bytes, std::uint64_t number) {
  // Words in changing order: as compressible as configurations are, not as a row of zeros.
  static constexpr std::string_view kWords[] = {"interface", "threshold", "window", "10.0.0.0/8",
                                                "model",     "eth0",      "0.75",   "enabled"};
  constexpr std::size_t kWordCount = sizeof(kWords) / sizeof(kWords[0]);
  std::string document = "{\"n\":" + std::to_string(number) + ",\"text\":\"";
  const std::size_t text_end = bytes > document.size() + 2 ? bytes - 2 : document.size();
  std::uint64_t state = number * 0x9E3779B97F4A7C15ULL + 1;
  while (document.size() < text_end) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    document += kWords[state % kWordCount];
    document += ' ';
  }
  document.resize(text_end);
  return document + "\"}";
}

base::Result<BenchResult> run_bench(const BenchOptions& options, const OpenClient& open_client) {
  const InterruptGuard guard;
  if (options.operation == "watch") return run_watch(options, open_client);
  return run_steps(options, open_client);
}

}  // namespace mlguard::cli
