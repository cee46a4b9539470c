// Key files and join tokens: everything secret that rests in a file or is typed by a person.
// Stateless; safe from any thread. Files are mode 0600 and small (kCredentialBytesMax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/model.h"
#include "base/result.h"
#include "wire/channel.h"

namespace mlguard::wire {

inline constexpr std::size_t kCredentialBytesMax = 4096;
inline constexpr const char* kClusterKeyFile = "cluster.key";
inline constexpr const char* kOperatorKeyFile = "operator.key";

// The cluster's root secret (cluster.key) and what is derived from it by keyed BLAKE2b, one label
// each. Whoever holds it can read and change everything.
class ClusterKey {
 public:
  static ClusterKey generate();
  // Text format: one line "mlguard-cluster-key-1 " + 64 hex characters, after '#' comments.
  // Error: corrupt / "bad_cluster_key", naming the file.
  static base::Result<ClusterKey> parse(std::string_view text, const std::string& path);
  std::string to_text() const;

  KeyPair server_keys() const;    // "cluster": what clients pin
  KeyPair operator_keys() const;  // "operator": the host's own operator
  KeyPair peer_keys() const;      // "peer": servers among themselves
  Key segment_key() const;        // "segment": what is shipped to files (file_seal.h)
  // Short public name of the cluster: 16 hex characters of BLAKE2b of the public key.
  std::string cluster_id() const;

  // Token psks at rest: XChaCha20-Poly1305 under the key "token-psk", bound to the token's id.
  std::string seal_psk(const std::string& token_id, const Key& psk) const;  // hex
  base::Result<Key> open_psk(const std::string& token_id, std::string_view sealed) const;

  // Pipeline keys at rest: the same under the key "pipeline-key", bound to the key's id.
  std::string seal_pipeline_key(std::uint64_t id, const Key& key) const;  // hex
  base::Result<Key> open_pipeline_key(std::uint64_t id, std::string_view sealed) const;

 private:
  std::string seal_at_rest(std::string_view label, std::string_view associated,
                           const Key& key) const;
  std::optional<Key> open_at_rest(std::string_view label, std::string_view associated,
                                  std::string_view sealed_hex) const;
  KeyPair derive(std::string_view label) const;
  Key derive_key(std::string_view label) const;
  Key secret_;
};

// Error: not_found when absent; permission_denied / "unsafe_mode" when others may read it.
base::Result<ClusterKey> load_cluster_key(const std::string& path);
// Loads PATH, or creates it exclusively (two servers that start at once end with the same key).
base::Result<ClusterKey> load_or_create_cluster_key(const std::string& path);

// What an enrolled client keeps: JSON {"version":1,"cluster_public_key","private_key","role",
// "name"}.
struct Credential {
  Key cluster_public_key;
  Key private_key;
  base::Role role = base::Role::operator_;
  std::string name;

  std::string to_json() const;
  // Error: corrupt / "bad_credential", naming the file and what to do (enrol again).
  static base::Result<Credential> parse(std::string_view json, const std::string& path);
};
// Error: not_found when absent; permission_denied / "unsafe_mode" when group or others may read it.
base::Result<Credential> load_credential(const std::string& path);
base::Status save_credential(const std::string& path, const Credential& credential);

// A join token as people copy it: "mlg1." + base64url(cluster public key ‖ token id ‖ psk).
struct JoinToken {
  Key cluster_public_key;
  std::string token_id;  // 16 hex characters
  Key psk;

  std::string to_text() const;
  // invalid_argument / "invalid_token": cut short, mistyped, or not a token at all.
  static base::Result<JoinToken> parse(std::string_view text);
};

}  // namespace mlguard::wire
