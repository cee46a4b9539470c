// Measures the store alone, without network: durable config puts grouped by the number of writers
// waiting, beside plain one-row SQLite inserts in the same grouping in the same run; the start on
// a 100,000-row state; lease renewals. Prints one row per measurement.
//
// Processor time a write is printed too: it hardly depends on what else the machine does.
//
//   store_bench [FOLDER [SECONDS [puts|start|leases]]]
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "db/engine.h"
#include "db/store.h"
#include "support/alone.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace mlguard::db {
namespace {

constexpr int kComponents = 1'000;
constexpr std::size_t kDocumentBytes = 256;
constexpr int kStateRows = 100'000;
constexpr int kRulesPerPut = 1'000;

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

struct Rate {
  double per_second = 0;
  double cpu_us_each = 0;
};

std::string document_of(std::size_t bytes) {
  std::string document = R"({"interface":"eth0","note":")";
  document += std::string(bytes - document.size() - 2, 'x') + "\"}";
  return document;
}

// As etcd_client makes them: the time first, so that the index grows at its end.
std::string request_id(int number) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%012llx%020d",
                static_cast<unsigned long long>(base::SystemClock().wall_ms()), number);
  return text.data();
}

// Keeps `concurrent` writes under way until the time is over.
class Load {
 public:
  Load(Engine& engine, int concurrent) : engine_(engine), concurrent_(concurrent) {}

  Rate run(double seconds) {
    const double cpu_before = cpu_us();
    const support::Stopwatch watch;
    for (int i = 0; i < concurrent_; ++i) submit();
    while (watch.ms() < seconds * 1000) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stopping_ = true;
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return under_way_ == 0; });
    const auto count = static_cast<double>(done_);
    return {count / (watch.ms() / 1000), (cpu_us() - cpu_before) / count};
  }

 private:
  void submit() {
    ++under_way_;
    const int next = next_++;
    Write write;
    write.command = PutConfig{"bench-" + std::to_string(next % kComponents), document_, "", {}};
    write.author = "bench";
    write.request_id = request_id(next);
    engine_.transact(std::move(write), [this](const base::Result<WriteResult>& result) {
      if (!result.ok()) std::abort();
      ++done_;
      if (!stopping_) submit();
      const std::lock_guard lock(mutex_);
      if (--under_way_ == 0) idle_.notify_one();
    });
  }

  Engine& engine_;
  const int concurrent_;
  const std::string document_ = document_of(kDocumentBytes);
  std::atomic<bool> stopping_ = false;
  std::atomic<int> under_way_ = 0;
  std::atomic<int> next_ = 0;
  std::uint64_t done_ = 0;  // The writer thread's.
  std::mutex mutex_;
  std::condition_variable idle_;
};

Rate plain_inserts(const std::string& path, int group, double seconds) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  database.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, document TEXT)");
  SQLite::Statement insert(database, "INSERT INTO t(document) VALUES (?)");
  const std::string document = document_of(kDocumentBytes);
  const double cpu_before = cpu_us();
  const support::Stopwatch watch;
  std::uint64_t rows = 0;
  while (watch.ms() < seconds * 1000) {
    database.exec("BEGIN IMMEDIATE");
    for (int i = 0; i < group; ++i) {
      insert.bindNoCopy(1, document);
      insert.exec();
      insert.reset();
      ++rows;
    }
    database.exec("COMMIT");
  }
  const auto count = static_cast<double>(rows);
  return {count / (watch.ms() / 1000), (cpu_us() - cpu_before) / count};
}

std::unique_ptr<Engine> open_or_abort(const std::string& folder, base::Clock& clock) {
  auto engine = support::open_alone({folder, {}}, clock);
  if (!engine.ok()) {
    std::fprintf(stderr, "%s\n", engine.error().message.c_str());
    std::exit(1);
  }
  return std::unique_ptr<Engine>(std::move(engine).value());
}

void bench_puts(const std::string& folder, base::Clock& clock, double seconds) {
  for (const int concurrent : {1, 16, 64, 256}) {
    const std::string name = folder + "/puts-" + std::to_string(concurrent);
    const auto engine = open_or_abort(name, clock);
    const Rate puts = Load(*engine, concurrent).run(seconds);
    const EngineCounters counters = engine->counters();
    const Rate plain = plain_inserts(name + "-plain.db", concurrent, std::min(seconds, 1.0));
    std::printf(
        "puts of %zu B, %3d concurrent: %7.0f /s in groups of %5.1f, %5.1f us CPU each; plain "
        "SQLite one-row inserts %7.0f /s, %5.1f us; ratio %.2f\n",
        kDocumentBytes, concurrent, puts.per_second,
        static_cast<double>(counters.writes) / static_cast<double>(counters.write_groups),
        puts.cpu_us_each, plain.per_second, plain.cpu_us_each, puts.per_second / plain.per_second);
  }
}

void bench_start(const std::string& folder, base::Clock& clock) {
  const std::string name = folder + "/start";
  {
    const auto engine = open_or_abort(name, clock);
    for (int first = 0; first < kStateRows; first += kRulesPerPut) {
      PutRules put;
      for (int i = first; i < first + kRulesPerPut; ++i) {
        base::Rule rule;
        rule.cidr = "10." + std::to_string(i >> 16) + "." + std::to_string((i >> 8) & 255) + "." +
                    std::to_string(i & 255);
        rule.reason = "port scan of 40 ports in 2 s";
        rule.score = 0.97;
        put.rules.push_back(rule);
      }
      if (!transact_and_wait(*engine, Write{std::move(put), "bench", ""}).ok()) std::abort();
    }
  }
  const support::Stopwatch watch;
  const auto engine = open_or_abort(name, clock);
  const double opened_ms = watch.ms();
  const auto rules = (*engine->read())->rules_since(0);
  std::printf("start on %zu rules: %.0f ms to open, %.0f ms with the whole rule set read\n",
              rules->rules.size(), opened_ms, watch.ms());
}

void bench_leases(const std::string& folder, base::Clock& clock, double seconds) {
  const auto engine = open_or_abort(folder + "/leases", clock);
  std::vector<base::Heartbeat> beats(kComponents);
  for (int i = 0; i < kComponents; ++i) {
    base::Component component;
    component.name = "sniffer-" + std::to_string(i);
    component.instance_id = "instance-" + std::to_string(i);
    if (!transact_and_wait(*engine, Write{RegisterComponent{component}, "bench", ""}).ok()) {
      std::abort();
    }
    beats[static_cast<std::size_t>(i)].component = component.name;
    beats[static_cast<std::size_t>(i)].instance_id = component.instance_id;
    beats[static_cast<std::size_t>(i)].detail = R"({"packets":123456,"flows":789,"drops":0})";
  }
  for (const int threads : {1, 2, 4}) {
    std::atomic<std::uint64_t> renewed = 0;
    const support::Stopwatch watch;
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        std::uint64_t count = 0;
        std::size_t next = static_cast<std::size_t>(t) * 100;
        while (watch.ms() < seconds * 1000) {
          for (int i = 0; i < 100; ++i) {
            if (!engine->renew_lease(beats[next++ % beats.size()]).ok()) std::abort();
          }
          count += 100;
        }
        renewed += count;
      });
    }
    for (std::thread& thread : pool) thread.join();
    std::printf("renew_lease, %d threads: %.0f /s\n", threads,
                static_cast<double>(renewed) / (watch.ms() / 1000));
  }
}

}  // namespace
}  // namespace mlguard::db

int main(int argc, char** argv) {
  const mlguard::support::TempDir own;
  const std::string folder = argc > 1 ? argv[1] : own.path();
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  mlguard::base::SystemClock clock;
  const std::string only = argc > 3 ? argv[3] : "";
  if (only.empty() || only == "puts") mlguard::db::bench_puts(folder, clock, seconds);
  if (only.empty() || only == "start") mlguard::db::bench_start(folder, clock);
  if (only.empty() || only == "leases") mlguard::db::bench_leases(folder, clock, seconds);
}
