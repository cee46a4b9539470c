// The loads in which every client repeats a step of its own: put, get, heartbeat.
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "bench/load_options.h"
#include "support/proc_stat.h"

namespace mlguard::bench {

namespace {

constexpr std::size_t kDocuments = 256;
// Coprime to kDocuments, so that each client walks over all documents.
constexpr std::size_t kDocumentStride = 31;

double to_us(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

SteadyClock::duration seconds_of(double seconds) {
  return std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(seconds));
}

// Processor time of the servers and of this process, so far.
struct CpuTimes {
  double servers_us = 0;
  double own_us = 0;
};

CpuTimes cpu_times(const std::vector<pid_t>& servers) {
  CpuTimes times;
  for (const pid_t pid : servers) {
    times.servers_us += static_cast<double>(support::cpu_ms(pid)) * 1e3;
  }
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  times.own_us = to_us(own.ru_utime) + to_us(own.ru_stime);
  return times;
}

// Which key, component and document each step is about. Shared by all threads, never changed.
class Workload {
 public:
  explicit Workload(const LoadOptions& options)
      : options_(options), documents_(make_documents(kDocuments, options.document_bytes)) {
    const std::size_t names = options.kind == Kind::heartbeat ? options.components : options.keys;
    for (std::size_t i = 0; i < names; ++i) names_.push_back(key_name(i));
  }

  // Every key exists, every component is registered, before anything is measured.
  base::Status prepare(Client& client, std::string& out) const {
    const std::size_t index = client.number + client.steps * options_.clients;
    if (index >= names_.size()) return {};
    if (options_.kind == Kind::heartbeat) return client.protocol->enlist(names_[index], out);
    return client.protocol->put(names_[index], document_for(client), out);
  }

  base::Status step(Client& client, std::string& out) const {
    const std::string& name =
        names_[(client.number + client.steps * options_.clients) % names_.size()];
    switch (options_.kind) {
      case Kind::get: return client.protocol->get(name, options_.consistency, out);
      case Kind::heartbeat: return client.protocol->beat(name, client.steps + 1, out);
      default: return client.protocol->put(name, document_for(client), out);
    }
  }

 private:
  const Document& document_for(const Client& client) const {
    return documents_[(client.number + client.steps * kDocumentStride) % kDocuments];
  }

  const LoadOptions& options_;
  const std::vector<Document> documents_;
  std::vector<std::string> names_;
};

LoadResult run_all(std::vector<LoadLoop>& loops, const NextRequest& next, const Window& window) {
  std::vector<LoadResult> results(loops.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = loops[i].run(next, window); });
  }
  LoadResult all;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    threads[i].join();
    all.merge(results[i]);
  }
  return all;
}

base::Result<std::vector<LoadLoop>> open_loops(const LoadOptions& options, const Side& side) {
  const auto endpoints = choose_endpoints(options, side);
  if (!endpoints.ok()) return endpoints.error();
  std::vector<std::vector<Client>> shares(std::min(options.threads, options.clients));
  for (std::size_t i = 0; i < options.clients; ++i) {
    auto client = open_client(side, (*endpoints)[i % endpoints->size()], i);
    if (!client.ok()) return std::move(client).error();
    shares[i % shares.size()].push_back(std::move(*client));
  }
  std::vector<LoadLoop> loops;
  for (auto& share : shares) loops.emplace_back(std::move(share));
  return loops;
}

}  // namespace

base::Result<LoadReport> run_steps(const LoadOptions& options, const Side& side) {
  auto loops = open_loops(options, side);
  if (!loops.ok()) return std::move(loops).error();
  const Workload workload(options);
  const NextRequest prepare = [&](Client& client, std::string& out) {
    return workload.prepare(client, out);
  };
  const LoadResult prepared = run_all(*loops, prepare, {});
  if (prepared.errors > 0) {
    return base::Error{base::ErrorCode::internal, "not_prepared",
                       "could not prepare the run: " + prepared.first_error};
  }
  Window window;
  window.begin = SteadyClock::now() + seconds_of(options.warmup_s);
  window.end = window.begin + seconds_of(options.seconds);
  LoadReport report;
  report.seconds = options.seconds;
  std::thread meter([&] {
    std::this_thread::sleep_until(window.begin);
    const CpuTimes before = cpu_times(options.servers);
    std::this_thread::sleep_until(window.end);
    const CpuTimes after = cpu_times(options.servers);
    report.server_cpu_us = after.servers_us - before.servers_us;
    report.own_cpu_us = after.own_us - before.own_us;
  });
  const NextRequest step = [&](Client& client, std::string& out) {
    return workload.step(client, out);
  };
  report.result = run_all(*loops, step, window);
  meter.join();
  return report;
}

base::Result<std::vector<wire::Endpoint>> choose_endpoints(const LoadOptions& options,
                                                           const Side& side) {
  if (options.target == Target::any) return options.endpoints;
  std::vector<wire::Endpoint> chosen;
  std::string problem = "none of them says so";
  for (const wire::Endpoint& endpoint : options.endpoints) {
    const auto leads = side.leads(endpoint);
    if (!leads.ok()) {
      problem = leads.error().message;
    } else if (*leads == (options.target == Target::leader)) {
      chosen.push_back(endpoint);
    }
  }
  if (!chosen.empty()) return chosen;
  return base::Error{base::ErrorCode::unavailable, "no_such_endpoint",
                     std::string("no endpoint is ") +
                         (options.target == Target::leader ? "the leader (" : "a follower (") +
                         problem + "): wait for the election, or use --to any"};
}

}  // namespace mlguard::bench
