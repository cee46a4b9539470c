// The sealed channel: a Noise IKpsk2 handshake, then ChaCha20-Poly1305 frames over plain HTTP/1.1.
// Bytes in, bytes out: no sockets here. docs/wire-format.md has every byte.
//
// Handshake: Noise_IKpsk2_25519_ChaChaPoly_SHA256 (noiseprotocol.org, revision 34), one round trip.
// Replay window: RFC 6479 (2,048 counters). AEAD: RFC 8439.
//
// Threads: ClientChannel and ServerChannel may be used from any thread at once; the handshake
// objects belong to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::wire {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kCounterBytes = 8;
inline constexpr std::size_t kSessionIdBytes = 16;       // 32 hex characters in X-Session
inline constexpr std::size_t kHandshakeBytesMax = 4096;  // either handshake message
inline constexpr std::size_t kPlainBodyBytesMax = 16 * 1024 * 1024;  // a body before sealing
inline constexpr std::size_t kFieldBlockBytesMax = 8 * 1024;         // sealed fields of one message
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;             // path with query
// What a frame adds to its body at the most: a server bounds its HTTP bodies by body + this.
inline constexpr std::size_t kFrameOverheadBytesMax =
    kCounterBytes + 2 + kFieldBlockBytesMax + kTagBytes;
inline constexpr std::size_t kCompressAboveBytes = 100;  // smaller bodies travel as they are

// The HTTP headers of a sealed message, for both sides.
inline constexpr const char* kHeaderSession = "X-Session";             // requests: session id
inline constexpr const char* kHeaderSeal = "X-Seal";                   // requests without body
inline constexpr const char* kHeaderOriginalSize = "X-Original-Size";  // decimal; compressed only
inline constexpr const char* kHeaderSealed = "X-Sealed";               // answers: "1" when sealed
inline constexpr const char* kSealedContentType = "application/octet-stream";

// A raw 32-byte key. Wiped when destroyed.
struct Key {
  unsigned char bytes[kKeyBytes] = {};
  Key() = default;
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
  std::string hex() const;
  std::string_view view() const;
  // In constant time.
  bool operator==(const Key& other) const;
  // Error: invalid_argument / "invalid_key"; the message never repeats the text.
  static base::Result<Key> from_hex(std::string_view hex);
  static base::Result<Key> from_bytes(std::string_view raw);
};

struct KeyPair {
  Key secret;
  Key public_key;
  static KeyPair generate();
  static KeyPair from_secret(const Key& secret);
};

// A header field that travels inside the seal (request id, compare-and-set version, comment,
// revision of the answer …). Names are lower case; neither may hold '\n' or '\0'.
struct Field {
  std::string name;
  std::string value;
};

// What one frame carries.
struct Message {
  std::vector<Field> fields;
  std::string body;
  // The value of the first field of that name, or nullptr.
  const std::string* field(std::string_view name) const;
};

// A sealed message as HTTP carries it. A message without body travels in the X-Seal header.
struct Sealed {
  std::string session;                       // X-Session (requests only)
  std::string seal;                          // X-Seal, base64url; empty when `body` is used
  std::string body;                          // counter ‖ ciphertext ‖ tag (answers: no counter)
  std::optional<std::size_t> original_size;  // X-Original-Size: present exactly when compressed
};

// What a handshake leaves behind. Internal (session_keys.h): outside wire/ and its tests, channels
// come from ClientHandshake and ServerHandshake only.
struct SessionKeys;

// The client's half of a session.
class ClientChannel {
 public:
  explicit ClientChannel(SessionKeys keys);
  ClientChannel(ClientChannel&&) noexcept;
  ClientChannel& operator=(ClientChannel&&) noexcept;
  ~ClientChannel();

  struct Request {
    Sealed sealed;
    std::uint64_t counter = 0;  // Give it back to open().
  };
  // `target` is the path with query, exactly as it will stand in the request line.
  // Errors: too_large; resource_exhausted / "rekey" after 2^60 frames (handshake again).
  base::Result<Request> seal(std::string_view method, std::string_view target,
                             const Message& message);
  // Error: unauthenticated / "bad_seal" when it is not the server's answer to that very request.
  base::Result<Message> open(std::uint64_t counter, int http_status, const Sealed& answer) const;

  const std::string& session_id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The server's half.
class ServerChannel {
 public:
  explicit ServerChannel(SessionKeys keys);
  ServerChannel(ServerChannel&&) noexcept;
  ServerChannel& operator=(ServerChannel&&) noexcept;
  ~ServerChannel();

  struct Request {
    std::uint64_t counter = 0;
    Message message;
  };
  // Authenticates first, then moves the replay window, then decompresses. Errors:
  // unauthenticated / "bad_seal", "replayed"; too_large; invalid_argument / "bad_frame" (authentic,
  // but not in our format). `plain_bytes_max` bounds what is allocated, before it is.
  base::Result<Request> open(std::string_view method, std::string_view target,
                             const Sealed& request, std::size_t plain_bytes_max);
  // REQUIRES: `counter` came from open(), and is sealed once. Error: too_large.
  base::Result<Sealed> seal(std::uint64_t counter, int http_status, const Message& message) const;

  const std::string& session_id() const;
  // Counters refused as replays so far.
  std::uint64_t replays_refused() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the client knows beforehand: the pinned cluster key, its own static key, and the psk of its
// join token (all zero once enrolled).
struct ClientIdentity {
  Key cluster_public_key;
  KeyPair own;
  Key psk;
};

class ClientHandshake {
 public:
  // `payload` travels in message 1, encrypted but replayable: a token id, a version.
  static base::Result<ClientHandshake> start(const ClientIdentity& identity,
                                             std::string_view payload);
  ClientHandshake(ClientHandshake&&) noexcept;
  ClientHandshake& operator=(ClientHandshake&&) noexcept;
  ~ClientHandshake();

  const std::string& message1() const;
  struct Finished;
  // Error: unauthenticated / "handshake_failed": another cluster's key, or a wrong psk.
  base::Result<Finished> finish(std::string_view message2);

 private:
  struct State;
  explicit ClientHandshake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ClientHandshake::Finished {
  ClientChannel channel;
  std::string payload;  // The server's, without the session id (the channel has it).
};

class ServerHandshake {
 public:
  // Reads message 1. Error: unauthenticated / "handshake_failed" (not for this cluster's key, or
  // damaged), too_large.
  static base::Result<ServerHandshake> read(const KeyPair& cluster, std::string_view message1);
  ServerHandshake(ServerHandshake&&) noexcept;
  ServerHandshake& operator=(ServerHandshake&&) noexcept;
  ~ServerHandshake();

  // The client's static key and payload. Nothing may take effect before the first transport
  // message proves that they are fresh and that the client knows the psk.
  const Key& client_public_key() const;
  const std::string& payload() const;

  struct Finished;
  // Makes a random session id. REQUIRES: called once.
  base::Result<Finished> finish(const Key& psk, std::string_view payload);

 private:
  struct State;
  explicit ServerHandshake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ServerHandshake::Finished {
  std::string message2;
  ServerChannel channel;
};

}  // namespace mlguard::wire
