// SealedBatch: an encoded batch, compressed where that helps and sealed under a pipeline key: what
// travels between sniffer and ml-detector. docs/wire-format.md ("Pipeline batches") has every byte.
//
// Each sender draws a random instance and seals under a key derived from the pipeline key and that
// instance (keyed BLAKE2b, RFC 7693), with its sequence number as the nonce (ChaCha20-Poly1305,
// RFC 8439): no nonce comes twice under one key, whatever restarts and however many senders share
// a key.
//
// BatchSealer and BatchOpener: one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/result.h"
#include "pipeline/flow_batch.h"
#include "pipeline/keyring.h"
#include "wire/replay_window.h"

namespace mlguard::pipeline {

inline constexpr std::size_t kInstanceBytes = 16;
inline constexpr std::size_t kFrameHeaderBytes = 48;
inline constexpr std::size_t kFrameBytesMax = kFrameHeaderBytes + kBatchBytesMax + wire::kTagBytes;
inline constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 60;
// Senders whose sequence numbers a receiver remembers: the one that was silent longest makes room.
inline constexpr std::size_t kSendersMax = 1'024;

class BatchSealer {
 public:
  BatchSealer();

  // Lower-case hex of the random instance: the batch's instance_id.
  const std::string& instance_id() const { return instance_id_; }
  // Of the next frame: the batch's sequence.
  std::uint64_t next_sequence() const { return sequence_; }
  // The frame, and the next sequence number is one higher. `batch` is encode_batch's answer.
  // Errors: unavailable / "no_key" (none is active); too_large / "batch_too_large".
  base::Result<std::string> seal(const Keyring& keys, std::int64_t now_ms, std::string_view batch);

 private:
  std::string instance_id_;
  std::string instance_;  // its bytes
  std::uint64_t sequence_ = 0;
};

// Why a frame was not taken. Each is counted apart.
enum class Refusal {
  malformed,    // no frame of this version, or sizes that contradict one another
  too_large,    // over kBatchBytesMax
  unknown_key,  // sealed under a key that is not in the ring
  expired_key,  // under one that is retired
  damaged,      // not what was sealed: changed, or another cluster's
  replayed,     // this sequence number came before, or is too far behind
  bad_batch,    // authentic, but not a batch that can be true: a bug, or a newer format
};
inline constexpr std::size_t kRefusals = 7;
const char* to_string(Refusal refusal);  // "unknown_key", …

struct OpenedBatch {
  std::string instance_id;
  std::uint64_t sequence = 0;
  std::uint64_t key_id = 0;
  std::string batch;  // for decode_batch
};

class BatchOpener {
 public:
  // REQUIRES: senders_max > 0.
  explicit BatchOpener(std::size_t senders_max = kSendersMax) : senders_max_(senders_max) {}

  std::variant<OpenedBatch, Refusal> open(const Keyring& keys, std::int64_t now_ms,
                                          std::string_view frame);
  std::size_t senders() const { return senders_.size(); }

 private:
  struct Sender {
    std::string instance;
    wire::ReplayWindow window;
  };

  bool accept(const std::string& instance, std::uint64_t sequence);

  std::size_t senders_max_;
  std::list<Sender> senders_;  // the latest heard first
  std::unordered_map<std::string, std::list<Sender>::iterator> by_instance_;
};

}  // namespace mlguard::pipeline
