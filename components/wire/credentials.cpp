#include "wire/credentials.h"

#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/ids.h"
#include "wire/json_reader.h"
#include "wire/primitives.h"

namespace mlguard::wire {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view kClusterKeyLabel = "mlguard-cluster-key-1 ";
constexpr std::string_view kTokenPrefix = "mlg1.";
constexpr std::size_t kTokenIdBytes = 8;
// Finds a mistyped character; three bytes make the whole a multiple of three, without padding.
constexpr std::size_t kTokenCheckBytes = 3;
constexpr std::size_t kTokenBytes = kKeyBytes + kTokenIdBytes + kKeyBytes + kTokenCheckBytes;
constexpr std::size_t kClusterIdBytes = 8;
constexpr std::int64_t kCredentialVersion = 1;
constexpr mode_t kSecretFileMode = 0600;
constexpr mode_t kSecretFolderMode = 0700;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

// A secret that others may read is no secret: as ssh does, refuse it rather than go on.
base::Status check_private(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return base::errno_error("could not open", path, errno);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{ErrorCode::permission_denied, "unsafe_mode",
                 path + " may be read by others than its owner; run: chmod 600 " + path};
  }
  return {};
}

base::Result<std::string> read_private(const std::string& path) {
  const base::Status checked = check_private(path);
  if (!checked.ok()) return checked.error();
  return base::read_file(path, kCredentialBytesMax);
}

Key key_of(const Hash& hash) { return *Key::from_bytes(as_text(hash.data(), hash.size())); }

Error bad_cluster_key(const std::string& path) {
  return {ErrorCode::corrupt, "bad_cluster_key",
          path + " is not a cluster key (one line '" + std::string(kClusterKeyLabel) +
              "' and 64 hex digits); copy it again from another server of the cluster, or restore "
              "it from a backup"};
}

Error bad_credential(const std::string& path, const std::string& why) {
  return {ErrorCode::corrupt, "bad_credential",
          path + " is not a usable credential (" + why +
              "); enrol again with a new token: ml-guard token create, then ml-guard enroll"};
}

Error invalid_token(const char* why) {
  return {ErrorCode::invalid_argument, "invalid_token",
          std::string("this is not a join token: ") + why +
              "; copy the whole text that 'ml-guard token create' printed, from mlg1. to its end"};
}

}  // namespace

// ---- ClusterKey ----------------------------------------------------------------------------

ClusterKey ClusterKey::generate() {
  ensure_crypto_ready();
  ClusterKey key;
  randombytes_buf(key.secret_.bytes, sizeof key.secret_.bytes);
  return key;
}

base::Result<ClusterKey> ClusterKey::parse(std::string_view text, const std::string& path) {
  ensure_crypto_ready();
  if (text.size() > kCredentialBytesMax) return bad_cluster_key(path);
  ClusterKey parsed;
  bool found = false;
  while (!text.empty()) {
    const std::size_t line_end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, line_end));
    text.remove_prefix(std::min(line_end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (found || line.substr(0, kClusterKeyLabel.size()) != kClusterKeyLabel) {
      return bad_cluster_key(path);
    }
    base::Result<Key> secret = Key::from_hex(line.substr(kClusterKeyLabel.size()));
    if (!secret.ok()) return bad_cluster_key(path);
    parsed.secret_ = *secret;
    found = true;
  }
  if (!found || parsed.secret_ == Key()) return bad_cluster_key(path);
  return parsed;
}

std::string ClusterKey::to_text() const {
  return "# The root secret of an ml-guard cluster: whoever reads it can change everything.\n"
         "# Copy it to the cluster's other hosts (mode 0600); keep it out of backups that others "
         "read.\n" +
         std::string(kClusterKeyLabel) + secret_.hex() + "\n";
}

Key ClusterKey::derive_key(std::string_view label) const {
  return key_of(blake2b(secret_.view(), label));
}

KeyPair ClusterKey::derive(std::string_view label) const {
  return KeyPair::from_secret(derive_key(label));
}

KeyPair ClusterKey::server_keys() const { return derive("cluster"); }
KeyPair ClusterKey::operator_keys() const { return derive("operator"); }
KeyPair ClusterKey::peer_keys() const { return derive("peer"); }

std::string ClusterKey::cluster_id() const {
  const Hash hash = blake2b({}, server_keys().public_key.view());
  return base::to_hex(as_text(hash.data(), kClusterIdBytes));
}

Key ClusterKey::segment_key() const { return derive_key("segment"); }

std::string ClusterKey::seal_at_rest(std::string_view label, std::string_view associated,
                                     const Key& key) const {
  std::string sealed(kLongNonceBytes + kKeyBytes + kTagBytes, '\0');
  randombytes_buf(sealed.data(), kLongNonceBytes);
  long_aead_seal(derive_key(label), std::string_view(sealed).substr(0, kLongNonceBytes), associated,
                 key.view(), as_bytes(sealed) + kLongNonceBytes);
  return base::to_hex(sealed);
}

std::optional<Key> ClusterKey::open_at_rest(std::string_view label, std::string_view associated,
                                            std::string_view sealed_hex) const {
  const base::Result<std::string> sealed = base::from_hex(sealed_hex);
  if (!sealed.ok() || sealed->size() != kLongNonceBytes + kKeyBytes + kTagBytes) {
    return std::nullopt;
  }
  const std::string_view bytes = *sealed;
  Key key;
  if (!long_aead_open(derive_key(label), bytes.substr(0, kLongNonceBytes), associated,
                      bytes.substr(kLongNonceBytes), key.bytes)) {
    return std::nullopt;
  }
  return key;
}

std::string ClusterKey::seal_psk(const std::string& token_id, const Key& psk) const {
  return seal_at_rest("token-psk", token_id, psk);
}

base::Result<Key> ClusterKey::open_psk(const std::string& token_id,
                                       std::string_view sealed_hex) const {
  if (const auto psk = open_at_rest("token-psk", token_id, sealed_hex)) return *psk;
  return Error{ErrorCode::corrupt, "bad_token",
               "the stored token " + token_id +
                   " does not open with this cluster's key; create a new token"};
}

std::string ClusterKey::seal_pipeline_key(std::uint64_t id, const Key& key) const {
  return seal_at_rest("pipeline-key", std::to_string(id), key);
}

base::Result<Key> ClusterKey::open_pipeline_key(std::uint64_t id,
                                                std::string_view sealed_hex) const {
  if (const auto key = open_at_rest("pipeline-key", std::to_string(id), sealed_hex)) return *key;
  return Error{ErrorCode::corrupt, "bad_pipeline_key",
               "the stored pipeline key " + std::to_string(id) +
                   " does not open with this cluster's key; rotate it: ml-guard pipeline-keys "
                   "rotate"};
}

base::Result<ClusterKey> load_cluster_key(const std::string& path) {
  base::Result<std::string> text = read_private(path);
  if (!text.ok()) return text.error();
  base::Result<ClusterKey> key = ClusterKey::parse(*text, path);
  sodium_memzero(text->data(), text->size());
  return key;
}

base::Result<ClusterKey> load_or_create_cluster_key(const std::string& path) {
  base::Result<ClusterKey> key = load_cluster_key(path);
  if (key.ok() || key.error().code != ErrorCode::not_found) return key;
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const base::Status made = base::make_folders(path.substr(0, slash), kSecretFolderMode);
    if (!made.ok()) return made.error();
  }
  const base::Status created =
      base::create_file_exclusive(path, ClusterKey::generate().to_text(), kSecretFileMode);
  // Another server that starts at the same time may have been first: then its key is ours.
  if (!created.ok() && created.error().reason != "exists") return created.error();
  return load_cluster_key(path);
}

// ---- Credential ----------------------------------------------------------------------------

std::string Credential::to_json() const {
  const nlohmann::ordered_json json = {{"version", kCredentialVersion},
                                       {"cluster_public_key", cluster_public_key.hex()},
                                       {"private_key", private_key.hex()},
                                       {"role", base::to_string(role)},
                                       {"name", name}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

base::Result<Credential> Credential::parse(std::string_view json, const std::string& path) {
  ensure_crypto_ready();
  JsonDocument document(json, kCredentialBytesMax);
  ObjectReader root = document.root();
  Credential credential;
  std::int64_t version = 0;
  std::string cluster_public_key;
  std::string private_key;
  std::string role;
  const TextBounds hex{2 * kKeyBytes, 2 * kKeyBytes};
  root.whole("version", version, kCredentialVersion, kCredentialVersion, Presence::required);
  root.text("cluster_public_key", cluster_public_key, hex, Presence::required);
  root.text("private_key", private_key, hex, Presence::required);
  root.text("role", role, {1, kNameCharsMax}, Presence::required);
  root.text("name", credential.name, {0, kNameCharsMax}, Presence::optional);
  if (!document.status().ok()) return bad_credential(path, document.status().error().message);
  const base::Result<Key> cluster = Key::from_hex(cluster_public_key);
  const base::Result<Key> own = Key::from_hex(private_key);
  const base::Result<base::Role> parsed_role = base::parse_role(role);
  sodium_memzero(private_key.data(), private_key.size());
  if (!cluster.ok() || !own.ok()) return bad_credential(path, "a key is not hex");
  if (!parsed_role.ok()) return bad_credential(path, parsed_role.error().message);
  credential.cluster_public_key = *cluster;
  credential.private_key = *own;
  credential.role = *parsed_role;
  return credential;
}

base::Result<Credential> load_credential(const std::string& path) {
  base::Result<std::string> json = read_private(path);
  if (!json.ok()) return json.error();
  base::Result<Credential> credential = Credential::parse(*json, path);
  sodium_memzero(json->data(), json->size());
  return credential;
}

base::Status save_credential(const std::string& path, const Credential& credential) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const base::Status made = base::make_folders(path.substr(0, slash), kSecretFolderMode);
    if (!made.ok()) return made;
  }
  std::string json = credential.to_json();
  base::Status written = base::write_file_atomic(path, json, kSecretFileMode);
  sodium_memzero(json.data(), json.size());
  return written;
}

// ---- JoinToken -----------------------------------------------------------------------------

std::string JoinToken::to_text() const {
  std::string bytes(cluster_public_key.view());
  const base::Result<std::string> id = base::from_hex(token_id);
  assert(id.ok() && id->size() == kTokenIdBytes);
  bytes.append(*id).append(psk.view());
  const Hash check = blake2b({}, bytes);
  bytes.append(as_text(check.data(), kTokenCheckBytes));
  std::string text = std::string(kTokenPrefix) + to_base64url(bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

base::Result<JoinToken> JoinToken::parse(std::string_view text) {
  ensure_crypto_ready();
  text = trimmed(text);
  if (text.size() > kCredentialBytesMax || text.substr(0, kTokenPrefix.size()) != kTokenPrefix) {
    return invalid_token("it does not begin with mlg1.");
  }
  base::Result<std::string> bytes = from_base64url(text.substr(kTokenPrefix.size()));
  if (!bytes.ok()) return invalid_token("it is cut short, or a character does not belong there");
  if (bytes->size() != kTokenBytes) return invalid_token("it is too short or too long");
  const std::string_view view = *bytes;
  const std::string_view content = view.substr(0, kTokenBytes - kTokenCheckBytes);
  const Hash check = blake2b({}, content);
  if (as_text(check.data(), kTokenCheckBytes) != view.substr(content.size())) {
    return invalid_token("a character is mistyped");
  }
  JoinToken token;
  token.cluster_public_key = *Key::from_bytes(content.substr(0, kKeyBytes));
  token.token_id = base::to_hex(content.substr(kKeyBytes, kTokenIdBytes));
  token.psk = *Key::from_bytes(content.substr(kKeyBytes + kTokenIdBytes));
  sodium_memzero(bytes->data(), bytes->size());
  return token;
}

}  // namespace mlguard::wire
