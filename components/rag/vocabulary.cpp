#include "rag/vocabulary.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace mlguard::rag {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 40> kRoles = {{{"packet capture", "sniffer"},
                                          {"ml detector", "ml-detector"},
                                          {"detection engine", "ml-detector"},
                                          {"control plane config", "global"},
                                          {"global config", "global"},
                                          {"all components config", "global"},
                                          {"the wall", "firewall"},
                                          {"sniffer", "sniffer"},
                                          {"sniffers", "sniffer"},
                                          {"sensor", "sniffer"},
                                          {"sensors", "sniffer"},
                                          {"eyes", "sniffer"},
                                          {"eye", "sniffer"},
                                          {"probe", "sniffer"},
                                          {"probes", "sniffer"},
                                          {"ml-detector", "ml-detector"},
                                          {"ml_detector", "ml-detector"},
                                          {"mldetector", "ml-detector"},
                                          {"ml-detectors", "ml-detector"},
                                          {"detector", "ml-detector"},
                                          {"detectors", "ml-detector"},
                                          {"det", "ml-detector"},
                                          {"ml", "ml-detector"},
                                          {"ids", "ml-detector"},
                                          {"brain", "ml-detector"},
                                          {"ai", "ml-detector"},
                                          {"analyzer", "ml-detector"},
                                          {"analyser", "ml-detector"},
                                          {"firewall", "firewall"},
                                          {"firewalls", "firewall"},
                                          {"fw", "firewall"},
                                          {"fws", "firewall"},
                                          {"fwall", "firewall"},
                                          {"blocker", "firewall"},
                                          {"rag", "rag"},
                                          {"assistant", "rag"},
                                          {"chatbot", "rag"},
                                          {"yourself", "rag"},
                                          {"global", "global"},
                                          {"globally", "global"}}};

constexpr std::array<Pair, 56> kAttacks = {{{"port scan", "portscan"},
                                            {"port scans", "portscan"},
                                            {"port scanning", "portscan"},
                                            {"port scanner", "portscan"},
                                            {"port scanners", "portscan"},
                                            {"port-scan", "portscan"},
                                            {"port-scans", "portscan"},
                                            {"portscan", "portscan"},
                                            {"portscans", "portscan"},
                                            {"portscanning", "portscan"},
                                            {"portscanner", "portscan"},
                                            {"portscanners", "portscan"},
                                            {"scan", "portscan"},
                                            {"scans", "portscan"},
                                            {"scanned", "portscan"},
                                            {"scanning", "portscan"},
                                            {"scanner", "portscan"},
                                            {"scanners", "portscan"},
                                            {"nmap", "portscan"},
                                            {"sweep", "portscan"},
                                            {"sweeps", "portscan"},
                                            {"syn flood", "ddos"},
                                            {"syn floods", "ddos"},
                                            {"denial of service", "ddos"},
                                            {"ddos", "ddos"},
                                            {"dos", "ddos"},
                                            {"flood", "ddos"},
                                            {"floods", "ddos"},
                                            {"flooding", "ddos"},
                                            {"flooded", "ddos"},
                                            {"brute force", "bruteforce"},
                                            {"brute forces", "bruteforce"},
                                            {"brute forcing", "bruteforce"},
                                            {"brute-force", "bruteforce"},
                                            {"brute-forces", "bruteforce"},
                                            {"bruteforce", "bruteforce"},
                                            {"bruteforces", "bruteforce"},
                                            {"bruteforcing", "bruteforce"},
                                            {"bruteforced", "bruteforce"},
                                            {"password guessing", "bruteforce"},
                                            {"guess passwords", "bruteforce"},
                                            {"guessed passwords", "bruteforce"},
                                            {"password guesses", "bruteforce"},
                                            {"login attempts", "bruteforce"},
                                            {"guessing passwords", "bruteforce"},
                                            {"command and control", "botnet_c2"},
                                            {"botnet_c2", "botnet_c2"},
                                            {"botnet", "botnet_c2"},
                                            {"botnets", "botnet_c2"},
                                            {"c2", "botnet_c2"},
                                            {"beacons", "botnet_c2"},
                                            {"smb_propagation", "smb_propagation"},
                                            {"smb propagation", "smb_propagation"},
                                            {"lateral movement", "smb_propagation"},
                                            {"worm", "smb_propagation"},
                                            {"worms", "smb_propagation"}}};

// Each line means one thing, for searching.
constexpr std::array<std::string_view, 40> kSynonyms = {
    "block blocks blocked blocking ban banned drop drops dropped deny blacklist blocklist",
    "allow allowed allowlist allowlisted whitelist whitelisted permit exception",
    "unblock unblocked unban removed",
    "detector ml-detector model",
    "sniffer sensor capture probe",
    "firewall nftables enforcer fw",
    "rag assistant answers",
    "attack attacks threat intrusion attacker offender malicious",
    "threshold thresholds limit limits score",
    "ttl expiry expires expire duration",
    "config configuration settings setting document",
    "component agent agents components",
    "health healthy late stale dead alive",
    "heartbeat heartbeats beat beats",
    "failover election leader elected",
    "member members node nodes instance voter",
    "quorum majority",
    "rollback restore revert",
    "backup snapshot backups snapshots",
    "token tokens enrol enroll enrolment join",
    "key keys secret",
    "scan portscan sweep",
    "flood ddos dos syn_flood",
    "bruteforce brute_force logon password login",
    "botnet botnet_c2 c2 beacon",
    "worm smb_propagation smb lateral",
    "refused denied rejected refuse",
    "packet packets traffic",
    "flow flows connection connections",
    "interface interfaces iface nic",
    "restart start starts started reboot",
    "update upgrade upgrades",
    "error problem failure fails fail broken",
    "store database sqlite db",
    "encryption encrypted sealed crypto cipher",
    "forged spoofed forgeable spoof",
    "shipping ship segments segment",
    "install installation setup",
    "drift repair repaired repairs tampered",
    "rollout roll deploy activate"};

constexpr std::string_view kStopWords =
    " a an the is are was were be been being am do does did done doing have has had having i you "
    "he "
    "she it we they me him her us them my your his its our their this that these those what which "
    "who whom whose when where why how can could will would shall should may might must to of in "
    "on "
    "at by for from with without about into over under and or not no nor but if then than so as "
    "there here please tell show give me any some all every much many more most very just now up "
    "down out off again also only get got go going let know need want like find look see say said "
    "thing things stuff ok okay hey hi hello thanks one long work works working happen happens "
    "happening mean means explain describe us whats ever really still yet ";

// Plain words of English that look like mistakes in ours.
constexpr std::string_view kPlainWords =
    " weather whether there their these those where while which white right might light night "
    "world "
    "work works working word words could would should count county match watch catch patch coach "
    "team teams steam stream news best better bitter rest rust test tests text next nest past part "
    "parts port ports party fast last least cast case cases base phase place places plane planes "
    "price prices prime minister president capital city country football soccer game games name "
    "names same came come home some time times type types made make makes take takes talk talks "
    "tell tells told hold holds cold gold food good wood blood floor door doors poor pool cool "
    "tool "
    "tools look looks book books cook joke jokes recipe pizza coffee music movie movies song songs "
    "stock stocks market bitcoin euro dollar money much many most must just best write read road "
    "load loads loaded lead leads leave leaves live lives love lost list lose loses close closed "
    "open opens spend sent send sends bank bend trend friend later letter alter after other others "
    "mother father number numbers under over even event events every ever never seven clever "
    "between because before behind below above about again against along among around away back "
    "bring brought buy call called came cannot carry change changes clear clean cloud color "
    "first five four from full further gave give given going gone great group grew have having "
    "hear "
    "heard help here high himself hour hours house human idea important inside into keep kept kind "
    "kinds large learn left less level life line lines little local long made mean means meant "
    "mind moment month months morning move moved need needs needed noon note nothing often once "
    "only outside page paper people person point points print quick quickly quite really reason "
    "remember result run running said says school second seconds seem seen shall shell short side "
    "since small someone something soon sort sound spell stand start started starts state stay "
    "still stop stopped story such sure table than thank thanks that them then they thing things "
    "think third this though three through today together tomorrow tonight toward trade tree true "
    "turn turned until upon used user users using usual very wait walk wall want wants warm water "
    "week weeks well went were what when whole whose wide wife will wind window wish with within "
    "without woman year years yellow yesterday young your ";

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

template <std::size_t N>
std::string longest_at(const std::array<Pair, N>& table, const Words& words, std::size_t place,
                       std::size_t& used) {
  constexpr std::size_t kPhraseWordsMax = 3;
  std::string phrase;
  std::string found;
  for (std::size_t count = 1; count <= kPhraseWordsMax && place + count <= words.size(); ++count) {
    phrase += (count == 1 ? "" : " ") + words.at(place + count - 1);
    for (const auto& [said, means] : table) {
      if (said != phrase) continue;
      found = means;
      used = count;
    }
  }
  return found;
}

// Words that intents, paths and answers turn on, beside those of the tables above.
constexpr std::string_view kDomainWords =
    " status health healthy unhealthy problem problems version versions history config configs "
    "settings rule rules component components agent agents detection detections alert alerts "
    "incident incidents attack attacks attacker attackers offender offenders threat threats "
    "blocked "
    "block blocks blocking unblocked unblock allow allowed allowlist whitelist threshold "
    "thresholds "
    "heartbeat heartbeats interval expire expires expired expiring operator operators leader "
    "member "
    "members quorum election failover replication replicated revision revisions snapshot snapshots "
    "backup restore rollback token tokens enrol enroll audit refused denied rejected refusals "
    "model "
    "models score scores address addresses network networks prefix packet packets flow flows "
    "interface interfaces nftables xdp ebpf sqlite segment segments sealed encryption handshake "
    "session sessions drift repair repaired migration install upgrade uninstall lab forged spoofed "
    "evidence features pcap capture dry_run ttl cluster instance instances voter learner conflict "
    "conflicts merge merged tombstone digest noise tls lz4 zeromq index rag answer citations "
    "endpoint pipeline batch batches control plane ml-guard etcd-server compare difference "
    "destination source sources detected dropped enforce enforced enforcement retention "
    "allowlisted log logs disk sampling kernel vlan ipv6 ipv4 mqtt hospital systemd service "
    "monitoring metrics prometheus restart port ports ";

constexpr std::string_view kCorrectable =
    " yesterday today since between monday tuesday wednesday thursday friday saturday sunday "
    "january february march april june july august september october november december "
    "everything anything changed changes change happened firewall sniffer detector assistant "
    "lower raise increase decrease enable disable turn remove delete activate latest newest oldest "
    "which what when show list count compare difference explain reason blocked running alive "
    "offline online degraded broken minutes hours ";

const std::set<std::string, std::less<>>& domain_words() {
  static const std::set<std::string, std::less<>> words = [] {
    std::set<std::string, std::less<>> all;
    for (const std::string_view line : kSynonyms) {
      for (const std::string& word : split(line)) all.insert(stem(word));
    }
    for (const std::string& word : split(kDomainWords)) all.insert(stem(word));
    for (const auto& [said, means] : kRoles) {
      if (said.find(' ') == std::string_view::npos) all.insert(stem(said));
    }
    return all;
  }();
  return words;
}

}  // namespace

std::string role_at(const Words& words, std::size_t place, std::size_t& used) {
  return longest_at(kRoles, words, place, used);
}

std::string attack_kind_at(const Words& words, std::size_t place, std::size_t& used) {
  return longest_at(kAttacks, words, place, used);
}

std::string attack_name(std::string_view kind) {
  constexpr std::array<Pair, 5> kNames = {{{"portscan", "port scan"},
                                           {"ddos", "flood"},
                                           {"bruteforce", "brute force"},
                                           {"botnet_c2", "botnet traffic"},
                                           {"smb_propagation", "spreading over SMB"}}};
  for (const auto& [is, name] : kNames) {
    if (kind == is) return std::string(name) + " (" + std::string(kind) + ")";
  }
  return std::string(kind);
}

bool is_stop_word(std::string_view word) {
  return kStopWords.find(" " + std::string(word) + " ") != std::string_view::npos;
}

bool is_domain_word(std::string_view word) { return domain_words().contains(stem(word)); }

std::vector<std::string> synonyms(std::string_view word) {
  const std::string wanted = stem(word);
  std::vector<std::string> all = {std::string(word)};
  for (const std::string_view line : kSynonyms) {
    const std::vector<std::string> words = split(line);
    const bool is_here = std::any_of(words.begin(), words.end(),
                                     [&](const std::string& each) { return stem(each) == wanted; });
    if (is_here) all.insert(all.end(), words.begin(), words.end());
  }
  std::sort(all.begin() + 1, all.end());
  all.erase(std::unique(all.begin() + 1, all.end()), all.end());
  return all;
}

const Spelling& spelling() {
  static const Spelling made = [] {
    Spelling all;
    // Of two that are as near, the first is meant: names of components before all else.
    const auto add_said = [&](const auto& table) {
      for (const auto& [said, means] : table) {
        for (std::string& word : split(said)) all.words.push_back(std::move(word));
      }
    };
    add_said(kRoles);
    add_said(kAttacks);
    for (const std::string_view list : {kDomainWords, kCorrectable}) {
      for (std::string& word : split(list)) all.words.push_back(std::move(word));
    }
    for (const std::string_view line : kSynonyms) {
      for (std::string& word : split(line)) all.words.push_back(std::move(word));
    }
    for (const std::string_view list : {kPlainWords, kStopWords}) {
      for (std::string& word : split(list)) all.others.insert(std::move(word));
    }
    for (const std::string& word : all.words) all.stems.insert(stem(word));
    return all;
  }();
  return made;
}

}  // namespace mlguard::rag
