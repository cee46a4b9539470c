#include "pipeline/sealed_batch.h"

#include <cassert>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/compression.h"
#include "wire/primitives.h"

namespace mlguard::pipeline {
namespace {

constexpr std::string_view kMagic = "MLGB";
constexpr std::uint8_t kFrameVersion = 1;
constexpr std::uint8_t kFlagCompressed = 1;
constexpr std::string_view kKeyLabel = "mlguard-pipeline-1\n";
constexpr std::string_view kReserved("\0\0", 2);
static_assert(kBatchBytesMax <= wire::kPlainBodyBytesMax);

struct Header {
  std::uint8_t flags = 0;
  std::uint64_t key_id = 0;
  std::string instance;
  std::uint64_t sequence = 0;
  std::uint64_t sizes = 0;  // the batch's before compression, and then (upper half) after it

  std::size_t original_bytes() const { return sizes & 0xffff'ffffU; }
  std::size_t payload_bytes() const { return sizes >> 32; }
  bool is_compressed() const { return flags == kFlagCompressed; }
};

std::string write_header(const Header& header) {
  std::string bytes;
  base::ByteWriter writer(bytes);
  writer.raw(kMagic);
  writer.byte(kFrameVersion);
  writer.byte(header.flags);
  writer.raw(kReserved);
  writer.fixed64(header.key_id);
  writer.raw(header.instance);
  writer.fixed64(header.sequence);
  writer.fixed64(header.sizes);
  assert(bytes.size() == kFrameHeaderBytes);
  return bytes;
}

std::optional<Header> read_header(std::string_view frame) {
  base::ByteReader reader(frame);
  if (reader.raw(kMagic.size()) != kMagic || reader.byte() != kFrameVersion) return std::nullopt;
  Header header;
  header.flags = reader.byte().value_or(0xff);
  if (header.flags > kFlagCompressed || reader.raw(kReserved.size()) != kReserved) {
    return std::nullopt;
  }
  header.key_id = reader.fixed64().value_or(0);
  header.instance = reader.raw(kInstanceBytes).value_or("");
  header.sequence = reader.fixed64().value_or(0);
  header.sizes = reader.fixed64().value_or(0);
  if (reader.failed() || header.sequence > kSequenceMax) return std::nullopt;
  return header;
}

// What a frame says of its sizes, before anything is allocated.
std::optional<Refusal> size_problem(const Header& header, std::size_t frame_bytes) {
  if (header.original_bytes() > kBatchBytesMax) return Refusal::too_large;
  if (frame_bytes != kFrameHeaderBytes + header.payload_bytes() + wire::kTagBytes) {
    return Refusal::malformed;
  }
  const bool possible =
      header.is_compressed()
          ? wire::is_possible_compression(header.payload_bytes(), header.original_bytes())
          : header.payload_bytes() == header.original_bytes();
  if (!possible) return Refusal::malformed;
  return std::nullopt;
}

// One key for each sender: their sequence numbers may be equal.
wire::Key key_of(const wire::Key& pipeline_key, std::string_view instance) {
  const wire::Hash hash =
      wire::blake2b(pipeline_key.view(), std::string(kKeyLabel).append(instance));
  return *wire::Key::from_bytes(wire::as_text(hash.data(), hash.size()));
}

std::string_view nonce_text(const wire::Nonce& nonce) {
  return wire::as_text(nonce.data(), nonce.size());
}

}  // namespace

BatchSealer::BatchSealer()
    : instance_id_(base::random_hex(kInstanceBytes)), instance_(*base::from_hex(instance_id_)) {
  wire::ensure_crypto_ready();
}

base::Result<std::string> BatchSealer::seal(const Keyring& keys, std::int64_t now_ms,
                                            std::string_view batch) {
  if (batch.size() > kBatchBytesMax) {
    return base::Error{base::ErrorCode::too_large, "batch_too_large",
                       "a batch has at most " + std::to_string(kBatchBytesMax) +
                           " bytes, this one has " + std::to_string(batch.size())};
  }
  const Keyring::Entry* key = keys.to_seal(now_ms);
  if (key == nullptr) {
    return base::Error{base::ErrorCode::unavailable, "no_key",
                       "no pipeline key is active: the control plane has given none yet"};
  }
  std::string compressed;
  Header header;
  if (wire::append_compressed(batch, compressed)) header.flags = kFlagCompressed;
  const std::string_view payload = header.is_compressed() ? compressed : batch;
  header.key_id = key->id;
  header.instance = instance_;
  header.sequence = sequence_++;
  header.sizes = batch.size() | std::uint64_t{payload.size()} << 32;
  std::string frame = write_header(header);
  frame.resize(kFrameHeaderBytes + payload.size() + wire::kTagBytes);
  const wire::Nonce nonce = wire::nonce_of(header.sequence);
  const std::string_view associated = std::string_view(frame).substr(0, kFrameHeaderBytes);
  const bool sealed = wire::aead_seal(key_of(key->key, instance_), nonce_text(nonce), associated,
                                      payload, wire::as_bytes(frame) + kFrameHeaderBytes);
  assert(sealed);
  static_cast<void>(sealed);
  return frame;
}

const char* to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed: return "malformed";
    case Refusal::too_large: return "too_large";
    case Refusal::unknown_key: return "unknown_key";
    case Refusal::expired_key: return "expired_key";
    case Refusal::damaged: return "damaged";
    case Refusal::replayed: return "replayed";
    case Refusal::bad_batch: return "bad_batch";
  }
  return "malformed";
}

std::variant<OpenedBatch, Refusal> BatchOpener::open(const Keyring& keys, std::int64_t now_ms,
                                                     std::string_view frame) {
  if (frame.size() > kFrameBytesMax) return Refusal::too_large;
  const std::optional<Header> header = read_header(frame);
  if (!header) return Refusal::malformed;
  if (const auto problem = size_problem(*header, frame.size())) return *problem;
  const Keyring::Entry* key = keys.find(header->key_id);
  if (key == nullptr) return Refusal::unknown_key;
  if (key->is_retired(now_ms)) return Refusal::expired_key;

  std::string payload(header->payload_bytes(), '\0');
  const wire::Nonce nonce = wire::nonce_of(header->sequence);
  if (!wire::aead_open(key_of(key->key, header->instance), nonce_text(nonce),
                       frame.substr(0, kFrameHeaderBytes), frame.substr(kFrameHeaderBytes),
                       wire::as_bytes(payload))) {
    return Refusal::damaged;
  }
  // Only now: a forged frame must not move a window, nor make one.
  if (!accept(header->instance, header->sequence)) return Refusal::replayed;
  if (header->is_compressed()) {
    auto plain = wire::decompress(payload, header->original_bytes());
    if (!plain) return Refusal::bad_batch;
    payload = std::move(*plain);
  }
  return OpenedBatch{base::to_hex(header->instance), header->sequence, header->key_id,
                     std::move(payload)};
}

bool BatchOpener::accept(const std::string& instance, std::uint64_t sequence) {
  const auto known = by_instance_.find(instance);
  if (known != by_instance_.end()) {
    senders_.splice(senders_.begin(), senders_, known->second);
    return senders_.front().window.accept(sequence);
  }
  if (senders_.size() >= senders_max_) {
    by_instance_.erase(senders_.back().instance);
    senders_.pop_back();
  }
  senders_.push_front({instance, {}});
  by_instance_.emplace(instance, senders_.begin());
  return senders_.front().window.accept(sequence);
}

}  // namespace mlguard::pipeline
