// The index of rag at 25,000, 50,000 and 100,000 records: how long it takes to build, how many
// bytes a record takes (the same at each size: it grows linearly), and how long questions of each
// kind take, and whole answers. Records are as a busy site makes them: half detections, a quarter
// audit and changes, rules, versions of configurations, health, and the product's documentation.
//
//   rag_bench [FOLDER]     FOLDER: where the files are made (default: a temporary one)
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/time_format.h"
#include "rag/answerer.h"
#include "rag/follower.h"
#include "rag/index.h"
#include "rag/records_of.h"
#include "support/temp_dir.h"

namespace {

using namespace mlguard;
using namespace mlguard::rag;

constexpr std::size_t kSizes[] = {25'000, 50'000, 100'000};
constexpr std::size_t kPerPut = 1'000;
constexpr int kRounds = 200;  // of each question
constexpr std::int64_t kNowMs = 1'764'000'000'000;
constexpr std::int64_t kSpanMs = 30LL * 24 * 3'600'000;

// Of the processor: the machine may be busy with something else.
double cpu_ms_of(const std::function<void()>& work) {
  const auto now_ms = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double began = now_ms();
  work();
  return now_ms() - began;
}

double milliseconds_of(const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
      .count();
}

class Site {
 public:
  std::vector<Record> next(std::size_t number) {
    const std::int64_t at_ms = kNowMs - kSpanMs + static_cast<std::int64_t>(number) * 25'000;
    switch (number % 8) {
      case 0: return {rule(number, at_ms)};
      case 1: return {audit(number, at_ms)};
      case 2:
        return records_of(base::Change{
            number + 1, 1, at_ms, "alice", "config/sniffer",
            "version " + std::to_string(number) + " of the configuration of sniffer put"});
      case 3: return config(number, at_ms);
      default: return {detection(number, at_ms)};
    }
  }
  std::string address() {
    return std::to_string(10 + pick(3)) + "." + std::to_string(pick(40)) + "." +
           std::to_string(pick(200)) + "." + std::to_string(1 + pick(250));
  }
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

 private:
  Record detection(std::size_t number, std::int64_t at_ms) {
    static const char* kinds[] = {"portscan", "bruteforce", "ddos", "beacon", "exfiltration"};
    StoredDetection stored;
    base::Detection& one = stored.detection;
    one.id = "detection-" + std::to_string(number);
    one.component = "ml-detector";
    one.kind = kinds[pick(5)];
    one.source_ip = address();
    one.destination_ip = "10.77.2." + std::to_string(pick(200));
    one.destination_port = static_cast<std::uint16_t>(1 + pick(60'000));
    one.score = 0.7 + 0.003 * pick(100);
    one.detected_at_ms = at_ms;
    one.detail = R"({"by":"port_scan","layer":"rule","rule_score":0.93,"flows":)" +
                 std::to_string(pick(900)) + R"(,"reasons":[{"what":"ports","value":)" +
                 std::to_string(20 + pick(400)) +
                 R"(,"limit":20},{"what":"half_open","value":0.95,"limit":0.6}],)" +
                 R"("evidence":"forgeable","not_blocked":"low_score"})";
    stored.revision = number + 1;
    return record_of(stored);
  }
  Record rule(std::size_t number, std::int64_t at_ms) {
    base::Rule rule;
    rule.id = "auto-" + std::to_string(number);
    rule.cidr = address() + "/32";
    rule.reason = "portscan by port_scan: ports " + std::to_string(20 + pick(400)) + " (limit 20)";
    rule.source = pick(10) == 0 ? "alice" : "ml-detector";
    rule.score = 0.9;
    rule.created_at_ms = at_ms;
    rule.revision = number + 1;
    Record record = record_of(rule);
    return pick(5) == 0 ? record : ended(std::move(record), {at_ms + 3'600'000, "expiry"});
  }
  Record audit(std::size_t number, std::int64_t at_ms) {
    static const char* who[] = {"alice", "bob", "carol", "server"};
    static const char* what[] = {"config.put", "rules.put", "rules.remove", "token.create"};
    return record_of(base::AuditRecord{number + 1, at_ms, who[pick(4)], what[pick(4)],
                                       "rules/auto-" + std::to_string(pick(100'000)),
                                       "rule put: drop " + address() + "/32"});
  }
  std::vector<Record> config(std::size_t number, std::int64_t at_ms) {
    base::ConfigVersion version;
    version.component = pick(2) == 0 ? "ml-detector" : "sniffer";
    version.version = number;
    version.author = "bob";
    version.comment = "ticket NET-" + std::to_string(pick(9'000));
    version.created_at_ms = at_ms;
    version.document = R"({"thresholds":{"block":0.)" + std::to_string(80 + pick(19)) + "}}";
    VersionContext context;
    context.ends_at_ms = at_ms + 60'000;
    context.replaced_by = number + 8;
    return records_of(version, context);
  }

  std::mt19937 random_{7};
};

struct Question {
  const char* name;
  std::function<bool(Index&, Site&)> ask;
};

Filter filter_of(std::vector<Table> tables, std::size_t limit = 100) {
  Filter filter;
  filter.tables = std::move(tables);
  filter.limit = limit;
  return filter;
}

std::vector<Question> questions() {
  const auto search = [](std::vector<std::vector<std::string>> groups) {
    return [groups = std::move(groups)](Index& index, Site&) {
      return index.search({groups, filter_of({}, 8), kNowMs}).ok();
    };
  };
  return {
      {"find: rules and detections of an address",
       [](Index& index, Site& site) {
         Filter filter = filter_of({Table::rule, Table::detection});
         filter.address = site.address();
         return index.find(filter).ok();
       }},
      {"find: of a network /16",
       [](Index& index, Site& site) {
         Filter filter = filter_of({Table::rule, Table::detection});
         filter.address = "10." + std::to_string(site.pick(40)) + ".0.0/16";
         return index.find(filter).ok();
       }},
      {"find: a value of a configuration, in force",
       [](Index& index, Site&) {
         Filter filter = filter_of({Table::config}, 10);
         filter.component = "ml-detector";
         filter.path_suffix = "block";
         filter.in_force_at_ms = kNowMs - kSpanMs / 2;
         return index.find(filter).ok();
       }},
      {"find: what changed in a day",
       [](Index& index, Site&) {
         Filter filter = filter_of({Table::audit, Table::change});
         filter.from_ms = kNowMs - 24LL * 3'600'000;
         return index.find(filter).ok();
       }},
      {"count: detections of a kind",
       [](Index& index, Site&) {
         Filter filter = filter_of({Table::detection});
         filter.kind = "portscan";
         return index.count(filter).ok();
       }},
      {"count_by: top addresses of a week",
       [](Index& index, Site&) {
         Filter filter = filter_of({Table::detection});
         filter.from_ms = kNowMs - kSpanMs + 7LL * 24 * 3'600'000;
         return index.count_by(Column::address, filter, 10).ok();
       }},
      {"count_by: top destinations, all",
       [](Index& index, Site&) {
         return index.count_by(Column::destination, filter_of({Table::detection}), 10).ok();
       }},
      {"count_by: kinds of detections, all",
       [](Index& index, Site&) {
         return index.count_by(Column::kind, filter_of({Table::detection}), 10).ok();
       }},
      {"search: rare words", search({{"allowlist"}, {"hospital", "site"}, {"NET-4711"}})},
      {"search: a common and a rare word", search({{"portscan", "scan"}, {"10.3.77.12"}})},
      {"search: common words only",
       search({{"blocked", "drop"}, {"portscan", "scan"}, {"limit", "threshold"}, {"rule"}})},
      {"search: of the documentation",
       [](Index& index, Site&) {
         return index
             .search({{{"firewall"}, {"drift", "repair"}, {"nftables"}},
                      filter_of({Table::doc}, 8),
                      kNowMs})
             .ok();
       }},
  };
}

// Whole answers, from the words on: what an operator waits for, beside the way there and back.
std::vector<Question> whole_answers() {
  const auto ask = [](const char* words) {
    return Question{words, [words](Index& index, Site& site) {
                      wire::Question question;
                      question.text = words;
                      const std::size_t place = question.text.find("ADDRESS");
                      if (place != std::string::npos) {
                        question.text.replace(place, std::string("ADDRESS").size(), site.address());
                      }
                      question.asked_at_ms = kNowMs;
                      return Answerer::make(index)->answer(question, {}).ok();
                    }};
  };
  return {ask("is everything ok"),
          ask("why is ADDRESS blocked"),
          ask("what happened with ADDRESS"),
          ask("block threshold of ml-detector"),
          ask("who changed the block threshold"),
          ask("what changed since yesterday"),
          ask("what changed in the last 2 hours"),
          ask("top offenders this week"),
          ask("how many portscans since monday"),
          ask("how many addresses are blocked"),
          ask("which rules expire soon"),
          ask("what did alice do today"),
          ask("last attack"),
          ask("attacks on port 22 today"),
          ask("how does failover work"),
          ask("what happens when somebody flushes the nftables table"),
          ask("block ADDRESS for 2 hours"),
          ask("whats the weather")};
}

bool ask_all(Index& index, const std::vector<Question>& asked) {
  Site site;
  std::vector<double> all;
  std::printf("  %-56s %9s %9s %9s %9s\n", "", "cpu p50", "cpu p95", "p50 ms", "p95 ms");
  for (const Question& question : asked) {
    std::vector<double> times;
    std::vector<double> cpu_times;
    bool answered = true;
    for (int round = 0; round < kRounds; ++round) {
      times.push_back(milliseconds_of([&] {
        cpu_times.push_back(cpu_ms_of([&] { answered = question.ask(index, site) && answered; }));
      }));
    }
    if (!answered) return false;
    std::sort(times.begin(), times.end());
    std::sort(cpu_times.begin(), cpu_times.end());
    all.insert(all.end(), times.begin(), times.end());
    std::printf("  %-56s %9.2f %9.2f %9.2f %9.2f\n", question.name, cpu_times[cpu_times.size() / 2],
                cpu_times[cpu_times.size() * 95 / 100], times[times.size() / 2],
                times[times.size() * 95 / 100]);
  }
  std::sort(all.begin(), all.end());
  std::printf("  %-56s %39.2f\n", "all of these, p95 ms", all[all.size() * 95 / 100]);
  return true;
}

bool measure(std::size_t size, const std::string& path) {
  auto opened = Index::open(path);
  if (!opened.ok()) return false;
  Index& index = **opened;
  Site site;
  if (!put_docs(index, product_docs()).ok()) return false;
  std::size_t made = 0;
  bool built = true;
  double putting_ms = 0;
  for (std::size_t number = 0; made < size;) {
    std::vector<Record> records;
    while (records.size() < kPerPut) {
      for (Record& record : site.next(number++)) records.push_back(std::move(record));
    }
    made += records.size();
    putting_ms += milliseconds_of([&] { built = index.put(records, number).ok() && built; });
  }
  if (!built) return false;
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  std::printf("%zu records: put in %.1f s (%.0f a second), %.0f bytes a record\n", made,
              putting_ms / 1'000, static_cast<double>(made) / putting_ms * 1'000,
              bytes / static_cast<double>(made));
  return size < kSizes[2] || (ask_all(index, questions()) && ask_all(index, whole_answers()));
}

}  // namespace

int main(int argc, char** argv) {
  const support::TempDir temporary;
  const std::string folder = argc > 1 ? argv[1] : temporary.path();
  for (const std::size_t size : kSizes) {
    if (!measure(size, folder + "/rag-" + std::to_string(size) + ".db")) {
      std::fprintf(stderr, "the index refused\n");
      return 1;
    }
  }
  return 0;
}
