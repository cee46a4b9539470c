// One small segment under a fixed key, for the fuzz target and its seeds: the same bytes at every
// run but for the salt, which is drawn at random, so that the seeds keep the file itself. Header
// only.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "db/digest.h"
#include "db/entry_codec.h"
#include "replicator/segment.h"
#include "tests/fuzz/fuzz.h"
#include "wire/credentials.h"

namespace mlguard::fuzz {

inline constexpr const char* kSegmentName = "000000000001-000000000002-000001.seg";

inline const replicator::ShippingKey& shipping_key() {
  static const replicator::ShippingKey key = replicator::ShippingKey::of(
      *wire::ClusterKey::parse("mlguard-cluster-key-1 " + std::string(64, '1'), "fixed"));
  return key;
}

inline std::vector<replicator::Entry> sample_entries() {
  std::vector<replicator::Entry> entries;
  db::Digest digest{};
  for (std::uint64_t revision = 1; revision <= 2; ++revision) {
    db::LogEntry payload;
    payload.hlc = revision << 16;
    payload.author = "operator";
    payload.resource = "config/sniffer";
    payload.summary = "put version " + std::to_string(revision);
    payload.request_id = "0123abcd";
    payload.result = "version " + std::to_string(revision);
    payload.rows = std::string(200, 'r') + std::to_string(revision);
    digest = db::chain_digest(digest, 1, revision, payload.rows);
    entries.push_back({revision, 1, digest, db::encode_payload(payload)});
  }
  return entries;
}

// The file's bytes; written once a process, because only files are written.
inline const std::string& good_segment() {
  static const std::string bytes = [] {
    std::string folder = "/tmp/mlguard-fuzz-XXXXXX";
    must(mkdtemp(folder.data()) != nullptr, "a folder can be made");
    const auto written = replicator::write_segment(folder, shipping_key(), 1, {}, sample_entries());
    must(written.ok(), "a segment can be written");
    const std::string path = folder + "/" + kSegmentName;
    std::ifstream file(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    must(::unlink(path.c_str()) == 0 && ::rmdir(folder.c_str()) == 0, "and removed again");
    return content;
  }();
  return bytes;
}

}  // namespace mlguard::fuzz
