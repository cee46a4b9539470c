// Policy: what becomes of verdicts. A verdict from `detect` on is reported: once for each source
// and class in an interval, with how many flows it stands for. From `block` on its source is
// blocked for a while, unless one of the reasons below (Withheld) speaks against it.
//
// Packets can be forged, and whoever can make us block addresses can cut a hospital off from its
// own servers. So:
// - A flood from many addresses names no source at all (fast_rules.h), and blocks nobody.
// - What rests on packets that anybody could have sent (Evidence::forgeable: half-open flows, UDP)
//   blocks for forgeable_ttl_s only, however often it comes again, and never
//     - an address of `home` (this site's networks);
//     - an address that was seen to serve somebody (known_servers.h), here or elsewhere;
//   and these rules have a quarter of the rules' rate for themselves, so that a flood of forged
//   sources does not use up what proven attackers need.
// - What the source has proven by answering the server (Evidence::proven) blocks for ttl_s, and
//   four times longer each time it comes back, up to ttl_max_s.
// - A model's word is a likelihood, and a network that it has never seen makes it err more often:
//   it takes model_flows_min flows from `block_by_model` on in an interval, and never blocks an
//   address of `home`.
// - Nothing ever blocks an address of `allowlist`, of this host, of the control plane (`own`), or
//   one that is no host (is_special).
// - A beacon suspects the server that is called (Suspect::destination), not the host that calls. It
//   is blocked only where block_c2_servers says so: an infected host could call a server that its
//   site needs. Never one of `home`.
// - An operator who takes such a rule away has decided: its source is left alone for
//   respect_removal_s (0: not at all), and that offence does not count.
// - New rules: per_minute_max in a minute (a token bucket), and per_prefix_max in an hour within
//   one /24 or /48. So at most per_minute_max × ttl_max_s / 60 rules live at once, and those of
//   forged sources are at most a quarter of per_minute_max × forgeable_ttl_s / 60.
//
// Pure: the caller says what time it is. Memory is bounded (kReportsOpenMax, kOffendersMax,
// kPrefixesMax; what was quiet longest makes room). One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "flow/lru_table.h"
#include "ml_detector/known_servers.h"
#include "ml_detector/networks.h"
#include "ml_detector/token_bucket.h"
#include "ml_detector/verdict.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kReportsOpenMax = 16'384;
inline constexpr std::size_t kOffendersMax = 65'536;
inline constexpr std::size_t kPrefixesMax = 16'384;

struct PolicySettings {
  double detect = 0.7;
  double block = 0.9;            // by a fast rule
  double block_by_model = 0.97;  // by the model alone
  bool rules_enabled = true;
  bool block_c2_servers = false;
  std::uint32_t ttl_s = 3'600;
  std::uint32_t ttl_max_s = 7 * 24 * 3'600;
  std::uint32_t forgeable_ttl_s = 600;
  std::uint32_t respect_removal_s = 3'600;
  std::uint32_t model_flows_min = 3;
  std::uint32_t per_minute_max = 120;
  std::uint32_t per_prefix_max = 16;
  std::uint32_t report_interval_s = 60;
  std::uint32_t reports_per_minute_max = 600;
  std::vector<Network> allowlist;
  std::vector<Network> home;
  std::vector<Network> own;
};

// Why a verdict is no reason to block.
enum class Withheld {
  none,  // it is: a rule is made
  low_score,
  few_flows,
  disabled,
  c2_servers_off,
  no_source,
  already_blocked,
  rule_removed,
  special_address,
  own_address,
  allowlisted,
  home,
  known_server,
  rate,
  prefix_rate,
};
inline constexpr std::size_t kWithheld = 15;
const char* to_string(Withheld withheld);  // "low_score", …

struct Now {
  std::int64_t monotonic_ms = 0;
  std::int64_t wall_ms = 0;
};

// What is known of a source that was blocked; kept over a restart by whoever keeps the queue.
struct Offender {
  flow::Address address;
  std::int64_t blocked_until_ms = 0;     // wall time
  std::uint32_t offences = 0;            // proven ones
  std::int64_t left_alone_until_ms = 0;  // wall time; an operator took its rule away
};

struct Report {
  Verdict verdict;          // the one with the highest score that this report stands for
  std::uint64_t flows = 0;  // with such a verdict, since the last report
  Withheld withheld = Withheld::low_score;
  std::optional<Offender> block;  // set exactly when withheld is none
};

struct PolicyCounters {
  std::uint64_t verdicts = 0;  // from `detect` on
  std::uint64_t reports = 0;
  std::uint64_t reports_suppressed = 0;  // over reports_per_minute_max, or without room
  std::uint64_t rules = 0;
  // Of those from `block` on, each time that it was asked.
  std::array<std::uint64_t, kWithheld> withheld{};
};

class Policy {
 public:
  Policy(PolicySettings settings, std::uint64_t seed, Now now);

  // From now on; what is counted and remembered stays.
  void set_settings(PolicySettings settings, Now now);
  const PolicySettings& settings() const { return settings_; }
  void restore(const std::vector<Offender>& offenders);

  // An operator took the rule of this source away. What is to be remembered of it.
  Offender rule_removed(const flow::Address& source, Now now);
  // The rule of this source is in force until then, or (in the past) is not in force any more.
  void rule_ends(const flow::Address& source, std::int64_t until_ms);

  // What to tell at once, if anything.
  std::optional<Report> decide(const Verdict& verdict, const KnownServers& servers, Now now);
  // What was counted silently in intervals that are over. Call about once a second.
  std::vector<Report> due(Now now);

  const PolicyCounters& counters() const { return counters_; }

 private:
  // A source (or, without one, a destination) and a class; with the server, if that is suspected.
  struct Topic {
    flow::Address address;
    std::uint64_t kind = 0;  // a hash
    std::uint64_t has_source = 1;
  };
  struct Open {
    std::int64_t begin_ms = 0;       // monotonic
    std::uint64_t flows = 0;         // not told yet
    std::uint64_t strong_flows = 0;  // from `block` on, in this interval
    Verdict strongest;
    Withheld withheld = Withheld::low_score;
  };
  struct Blocked {
    std::int64_t until_ms = 0;
    std::uint32_t offences = 0;
    std::int64_t left_alone_until_ms = 0;
  };
  struct Prefix {
    std::int64_t begin_ms = 0;
    std::uint32_t rules = 0;
  };

  static Topic topic_of(const Verdict& verdict);
  Open& open(const Topic& topic, Now now, bool& is_new);
  bool may_report(Now now);
  double block_from(const Verdict& verdict) const;
  Withheld judge(const Verdict& verdict, std::uint64_t strong_flows, const KnownServers& servers,
                 Now now);
  Withheld take_rate(const Verdict& verdict, Now now);
  Blocked& offender(const flow::Address& suspect);
  Offender blocked(const Verdict& verdict, Now now);
  static Report report_of(Open& open);

  PolicySettings settings_;
  TokenBucket proven_rules_;
  TokenBucket forgeable_rules_;
  TokenBucket reports_;
  flow::LruTable<Topic, Open> open_;  // in the order in which their intervals began
  flow::LruTable<flow::Address, Blocked> offenders_;
  flow::LruTable<flow::Address, Prefix> prefixes_;
  PolicyCounters counters_;
};

}  // namespace mlguard::ml_detector
