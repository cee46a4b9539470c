#include "ml_detector/corpus.h"

#include <arpa/inet.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "base/files.h"
#include "base/sha256.h"

extern char** environ;

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kTableBytesMax = 64U << 20U;
constexpr std::size_t kArchiveBytesMax = 1U << 30U;
constexpr std::size_t kLabelColumns = 7;
constexpr std::size_t kProvenanceColumns = 9;
constexpr unsigned kAddressBits = 128;
constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0

std::vector<std::string> split_at(std::string_view line, char separator) {
  std::vector<std::string> columns;
  for (std::size_t from = 0;;) {
    const std::size_t to = line.find(separator, from);
    columns.emplace_back(line.substr(from, to - from));
    if (to == std::string_view::npos) return columns;
    from = to + 1;
  }
}

std::optional<unsigned> whole(const std::string& text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::optional<LabelRule::Hosts> parse_hosts(const std::string& text) {
  LabelRule::Hosts hosts;
  if (text == "*") return hosts;
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  std::array<std::uint8_t, 4> four{};
  const bool is_four = inet_pton(AF_INET, address.c_str(), four.data()) == 1;
  if (is_four) {
    hosts.address[10] = hosts.address[11] = 0xff;
    std::copy(four.begin(), four.end(), hosts.address + kMappedBits / 8);
  } else if (inet_pton(AF_INET6, address.c_str(), hosts.address) != 1) {
    return std::nullopt;
  }
  hosts.prefix_bits = kAddressBits;
  if (slash == std::string::npos) return hosts;
  const unsigned before = is_four ? kMappedBits : 0;
  const auto bits = whole(text.substr(slash + 1), kAddressBits - before);
  if (!bits) return std::nullopt;
  hosts.prefix_bits = before + *bits;
  return hosts;
}

std::optional<int> parse_protocol(const std::string& text) {
  static const std::map<std::string, int> names = {
      {"*", -1}, {"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmp6", 58}};
  const auto found = names.find(text);
  if (found != names.end()) return found->second;
  const auto number = whole(text, 255);
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}

bool holds(const LabelRule::Hosts& hosts, const std::uint8_t* address) {
  const unsigned bytes = hosts.prefix_bits / 8;
  if (std::memcmp(hosts.address, address, bytes) != 0) return false;
  const unsigned rest = hosts.prefix_bits % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xFF00U >> rest;
  return ((hosts.address[bytes] ^ address[bytes]) & mask & 0xFFU) == 0;
}

bool fits(const LabelRule& rule, const flow::FlowRecord& record) {
  if (rule.protocol >= 0 && rule.protocol != record.key.protocol) return false;
  if (rule.port >= 0 && rule.port != record.key.low_port && rule.port != record.key.high_port) {
    return false;
  }
  const std::uint8_t* low = record.key.low_address;
  const std::uint8_t* high = record.key.high_address;
  return (holds(rule.a, low) && holds(rule.b, high)) || (holds(rule.a, high) && holds(rule.b, low));
}

using Row = std::vector<std::string>;
base::Result<std::vector<Row>> read_table(const std::string& path, std::size_t columns) {
  const auto text = base::read_file(path, kTableBytesMax);
  if (!text.ok()) return text.error();
  std::vector<Row> rows;
  std::size_t line_number = 0;
  for (const std::string& line : split_at(*text, '\n')) {
    if (line_number++ == 0 || line.empty()) continue;
    rows.push_back(split_at(line, '\t'));
    if (rows.back().size() < columns) {
      return Error{ErrorCode::corrupt, path + ", line " + std::to_string(line_number) + ": " +
                                           std::to_string(rows.back().size()) + " columns"};
    }
  }
  return rows;
}

base::Result<std::string> sha256_of(const std::string& path) {
  const auto bytes = base::read_file(path, kArchiveBytesMax);
  if (!bytes.ok()) return bytes.error();
  base::Sha256 hash;
  hash.update(*bytes);
  return hash.finish();
}

base::Status run_tar(const std::string& archive, const std::string& folder) {
  std::array<std::string, 5> words = {"tar", "-xJf", archive, "-C", folder};
  std::array<char*, 6> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "tar", nullptr, nullptr, arguments.data(), environ);
  int status = 0;
  if (failed != 0 || waitpid(child, &status, 0) != child || status != 0) {
    return Error{ErrorCode::io, "tar could not unpack " + archive + " into " + folder};
  }
  return {};
}

// The folder that the archive is unpacked in: it appears whole or not at all.
base::Result<std::string> unpacked(const std::string& archive, const std::string& sha256) {
  constexpr std::size_t kDigits = 16;
  const std::string folder = data_cache_folder() + "/" + sha256.substr(0, kDigits);
  struct stat about = {};
  if (stat(folder.c_str(), &about) == 0) return folder;
  const std::string partial = folder + std::string(base::kTemporaryMark) + std::to_string(getpid());
  if (const auto made = base::make_folders(partial, 0755); !made.ok()) return made.error();
  base::Status done = run_tar(archive, partial);
  if (done.ok() && rename(partial.c_str(), folder.c_str()) != 0 && errno != ENOTEMPTY) {
    done = base::errno_error("could not name", folder, errno);
  }
  std::error_code ignored;
  std::filesystem::remove_all(partial, ignored);
  if (!done.ok()) return done.error();
  return folder;
}

Error absent(const Error& error) {
  if (error.code != ErrorCode::not_found) return error;
  return {ErrorCode::not_found, "data_absent", error.message};
}

// Where the captures of the split are.
base::Result<std::string> captures_folder(const std::string& folder, std::string_view split,
                                          Corpus& corpus) {
  const std::string in_folder = folder + "/" + std::string(split);
  if (std::filesystem::is_directory(in_folder)) return in_folder;
  const std::string archive = folder + "/pcap-given.tar.xz";
  auto sha256 = sha256_of(archive);
  if (!sha256.ok()) return absent(sha256.error());
  corpus.archive_sha256 = std::move(*sha256);
  const auto captures = unpacked(archive, corpus.archive_sha256);
  if (!captures.ok()) return captures.error();
  return *captures + "/" + std::string(split);
}

void add_provenance(const std::vector<Row>& rows, std::string_view split,
                    std::map<std::string, CorpusFile>& files) {
  for (const Row& row : rows) {
    const auto file = files.find(row[1]);
    if (row[0] != split || file == files.end()) continue;
    file->second.main_class = row[2];
    file->second.repository = row[3];
    file->second.commit = row[5];
    file->second.sha256 = row[7];
  }
}

}  // namespace

std::string data_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/ml-guard/data";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.cache/ml-guard/data";
}

base::Result<LabelRule> parse_label(const std::vector<std::string>& columns) {
  const auto bad = [](const std::string& what) -> Error {
    return {ErrorCode::corrupt, "labels.tsv: " + what};
  };
  if (columns.size() < kLabelColumns) return bad("a line is too short");
  const auto a = parse_hosts(columns[2]);
  const auto b = parse_hosts(columns[3]);
  if (!a || !b) return bad("no address: " + columns[2] + " or " + columns[3]);
  const auto protocol = parse_protocol(columns[4]);
  if (!protocol) return bad("no protocol: " + columns[4]);
  LabelRule rule = {*a, *b, *protocol, -1, columns[6]};
  if (columns[5] == "*") return rule;
  const auto port = whole(columns[5], 65'535);
  if (!port) return bad("no port: " + columns[5]);
  rule.port = static_cast<int>(*port);
  return rule;
}

std::string_view label_of(const std::vector<LabelRule>& rules, const flow::FlowRecord& record) {
  for (const LabelRule& rule : rules) {
    if (fits(rule, record)) return rule.class_name;
  }
  return {};
}

base::Result<Corpus> open_corpus(const std::string& folder, std::string_view split) {
  const auto labels = read_table(folder + "/labels.tsv", kLabelColumns);
  if (!labels.ok()) return absent(labels.error());
  const auto provenance = read_table(folder + "/provenance.tsv", kProvenanceColumns);
  if (!provenance.ok() && provenance.error().code != ErrorCode::not_found) {
    return provenance.error();
  }
  Corpus corpus;
  auto labels_sha256 = sha256_of(folder + "/labels.tsv");
  if (!labels_sha256.ok()) return labels_sha256.error();
  corpus.labels_sha256 = std::move(*labels_sha256);
  const auto captures = captures_folder(folder, split, corpus);
  if (!captures.ok()) return captures.error();
  std::map<std::string, CorpusFile> files;
  for (const Row& row : *labels) {
    if (row[0] != split) continue;
    CorpusFile& file = files[row[1]];
    file.name = row[1];
    file.path = *captures + "/" + row[1];
    if (file.main_class.empty()) file.main_class = row[6];
    auto rule = parse_label(row);
    if (!rule.ok()) return rule.error();
    file.rules.push_back(std::move(*rule));
  }
  if (provenance.ok()) add_provenance(*provenance, split, files);
  for (auto& [name, file] : files) corpus.files.push_back(std::move(file));
  if (corpus.files.empty()) {
    return Error{ErrorCode::not_found, "data_absent",
                 folder + "/labels.tsv: no captures of the split " + std::string(split)};
  }
  return corpus;
}

}  // namespace mlguard::ml_detector
