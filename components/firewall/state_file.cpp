#include "firewall/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/files.h"
#include "base/sha256.h"

namespace mlguard::firewall {
namespace {

using base::ByteReader;
using base::ByteWriter;
using base::ErrorCode;

constexpr mode_t kMode = 0600;
constexpr std::size_t kHashHexChars = 64;

std::string hash_of(std::string_view bytes) {
  base::Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

void encode_rule(ByteWriter& out, const base::Rule& rule) {
  out.counted(rule.id);
  out.counted(rule.cidr);
  out.byte(rule.action == "allow" ? 1 : 0);
  out.counted(rule.source);
  out.fixed64(static_cast<std::uint64_t>(rule.expires_at_ms));
  out.varint(rule.revision);
}

std::optional<base::Rule> decode_rule(ByteReader& in) {
  const auto id = in.counted();
  const auto cidr = in.counted();
  const auto allows = in.byte();
  const auto source = in.counted();
  const auto expires = in.fixed64();
  const auto revision = in.varint();
  if (in.failed()) return std::nullopt;
  base::Rule rule;
  rule.id = *id;
  rule.cidr = *cidr;
  rule.action = *allows != 0 ? "allow" : "drop";
  rule.source = *source;
  rule.expires_at_ms = static_cast<std::int64_t>(*expires);
  rule.revision = *revision;
  return rule;
}

std::string encode_set(const base::RuleSet& set) {
  std::string body;
  ByteWriter out(body);
  out.byte(set.full ? 1 : 0);
  out.varint(set.revision);
  out.counted(set.digest);
  out.varint(set.rules.size());
  for (const base::Rule& rule : set.rules) encode_rule(out, rule);
  out.varint(set.removed.size());
  for (const std::string& id : set.removed) out.counted(id);
  return body;
}

std::optional<base::RuleSet> decode_set(std::string_view body) {
  ByteReader in(body);
  base::RuleSet set;
  const auto full = in.byte();
  const auto revision = in.varint();
  const auto digest = in.counted();
  const auto rules = in.varint();
  if (in.failed() || *rules > body.size()) return std::nullopt;
  set.full = *full != 0;
  set.revision = *revision;
  set.digest = *digest;
  for (std::uint64_t i = 0; i < *rules; ++i) {
    auto rule = decode_rule(in);
    if (!rule) return std::nullopt;
    set.rules.push_back(std::move(*rule));
  }
  const auto removed = in.varint();
  if (in.failed() || *removed > body.size()) return std::nullopt;
  for (std::uint64_t i = 0; i < *removed; ++i) {
    const auto id = in.counted();
    if (!id) return std::nullopt;
    set.removed.emplace_back(*id);
  }
  if (!in.at_end()) return std::nullopt;
  return set;
}

std::optional<base::RuleSet> decode_part(ByteReader& in) {
  const auto size = in.fixed64();
  const auto hash = in.raw(kHashHexChars);
  if (in.failed() || *size > kStateBytesMax) return std::nullopt;
  const auto body = in.raw(static_cast<std::size_t>(*size));
  if (!body || hash_of(*body) != *hash) return std::nullopt;
  return decode_set(*body);
}

}  // namespace

// Length, hash, body.
std::string encode_state_part(const base::RuleSet& set) {
  const std::string body = encode_set(set);
  std::string part;
  ByteWriter out(part);
  out.fixed64(body.size());
  out.raw(hash_of(body));
  out.raw(body);
  return part;
}

StateContent decode_state(std::string_view bytes) {
  StateContent content;
  ByteReader in(bytes);
  const auto magic = in.raw(kStateMagic.size());
  content.whole = magic && *magic == kStateMagic;
  while (content.whole && !in.at_end()) {
    auto set = decode_part(in);
    // Differences stand on a full set.
    content.whole = set && (set->full || !content.sets.empty());
    if (!content.whole) break;
    if (set->full) content.sets.clear();
    content.sets.push_back(std::move(*set));
  }
  return content;
}

base::Result<StateFile::Loaded> StateFile::load() {
  Loaded loaded;
  const auto bytes = base::read_file(path_, kStateBytesMax);
  if (!bytes.ok() && bytes.error().code == ErrorCode::not_found) return loaded;
  if (!bytes.ok()) return bytes.error();
  StateContent content = decode_state(*bytes);
  const bool whole = content.whole;
  loaded.sets = std::move(content.sets);
  if (whole && !loaded.sets.empty()) {
    fd_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    written_bytes_ = bytes->size();
  }
  if (whole) return loaded;
  const std::string aside = path_ + ".damaged";
  loaded.problem = path_ + " is damaged; " +
                   (loaded.sets.empty() ? "nothing of it can be used" : "its beginning is used");
  if (std::rename(path_.c_str(), aside.c_str()) == 0) {
    loaded.problem += ", and it is kept as " + aside;
  }
  return loaded;
}

base::Status StateFile::write(const base::RuleSet& all) {
  const std::string content = std::string(kStateMagic) + encode_state_part(all);
  base::Status written = base::make_folders(base::folder_of(path_), 0700);
  if (written.ok()) written = base::write_file_atomic(path_, content, kMode);
  if (!written.ok()) return written;
  fd_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd_.valid()) return base::errno_error("could not open", path_, errno);
  written_bytes_ = content.size();
  appended_bytes_ = 0;
  return {};
}

base::Status StateFile::append(const base::RuleSet& set) {
  const std::string part = encode_state_part(set);
  std::size_t done = 0;
  while (done < part.size()) {
    const ssize_t wrote = ::write(fd_.get(), part.data() + done, part.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    // What was written of it would hide all that follows: the caller writes the file anew.
    if (wrote <= 0) return base::errno_error("could not write", path_, errno);
    done += static_cast<std::size_t>(wrote);
  }
  appended_bytes_ += part.size();
  return {};
}

base::Status StateFile::sync() {
  if (!fd_.valid() || ::fdatasync(fd_.get()) == 0) return {};
  return base::errno_error("could not write", path_, errno);
}

}  // namespace mlguard::firewall
