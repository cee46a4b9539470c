// cluster.key as somebody may have edited it.
#include "tests/fuzz/fuzz.h"
#include "wire/credentials.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto key = wire::ClusterKey::parse(fuzz::text_of(data, size), "cluster.key");
  if (!key.ok()) {
    fuzz::must(key.error().reason == "bad_cluster_key", "refused for the documented reason");
    return 0;
  }
  const auto again = wire::ClusterKey::parse(key->to_text(), "cluster.key");
  fuzz::must(again.ok() && again->to_text() == key->to_text(), "a key survives its text");
  return 0;
}
