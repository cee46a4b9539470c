#include "replicator/snapshot_fetcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/files.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "wire/api_error.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

constexpr const char* kFileName = "incoming.db";
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr int kStatusOk = 200;
constexpr milliseconds kRetryPause{250};
// Copying a large database takes the leader a while before the first byte comes.
constexpr wire::HttpTimeouts kPatience{milliseconds(500), milliseconds(60'000)};

std::uint64_t number(const wire::Message& message, std::string_view name) {
  const std::string* text = message.field(name);
  std::uint64_t value = 0;
  if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string text(const wire::Message& message, std::string_view name) {
  const std::string* found = message.field(name);
  return found == nullptr ? std::string() : *found;
}

Result<wire::Message> expect_ok(Result<PeerChannel::Reply> reply) {
  if (!reply) return reply.error();
  if (reply->status != kStatusOk) return wire::decode_error(reply->status, reply->message.body);
  return std::move(reply->message);
}

Status write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return base::errno_error("could not write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

SnapshotFetcher::SnapshotFetcher(const PeerIdentity& identity, std::string folder)
    : identity_(identity), folder_(std::move(folder)) {}

SnapshotFetcher::~SnapshotFetcher() { stop(); }

void SnapshotFetcher::start(Done done) {
  done_ = std::move(done);
  thread_ = std::thread([this] { run(); });
}

void SnapshotFetcher::fetch(std::uint64_t command_id, const FetchSnapshot& what) {
  {
    const std::lock_guard lock(mutex_);
    next_ = Order{command_id, what};
    current_id_ = command_id;
    if (channel_) channel_->stop();
  }
  wake_.notify_one();
}

void SnapshotFetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (channel_) channel_->stop();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool SnapshotFetcher::current(const Order& order) {
  const std::lock_guard lock(mutex_);
  return !stopping_ && current_id_ == order.command_id;
}

void SnapshotFetcher::run() {
  for (;;) {
    Order order;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || next_.has_value(); });
      if (stopping_) return;
      order = *std::exchange(next_, std::nullopt);
      const Result<wire::Endpoint> endpoint = wire::parse_endpoint(order.what.from);
      channel_.reset();
      if (endpoint) channel_ = std::make_unique<PeerChannel>(identity_, *endpoint);
    }
    base::log_info("taking a snapshot", {{"from", order.what.from}});
    Result<std::string> path = bring(order);
    if (!path) {
      base::log_warn("the snapshot did not come", {{"error", path.error().message}});
    }
    if (current(order)) done_(order.command_id, std::move(path));
  }
}

Result<std::string> SnapshotFetcher::bring(const Order& order) {
  if (channel_ == nullptr) {
    return Error{ErrorCode::invalid_argument, "invalid_endpoint",
                 "the leader's address '" + order.what.from + "' cannot be used"};
  }
  Result<Offer> offer = ask(order);
  if (!offer) return offer.error();
  if (Status made = base::make_folders(folder_, kFolderMode); !made) return made.error();
  std::string path = folder_ + "/" + kFileName;
  if (Status copied = copy(order, *offer, path); !copied) return copied.error();
  // The leader keeps copies for an hour; this one is not needed any more.
  (void)channel_->call("DELETE", "/v1/backups/" + offer->id, {}, kPatience, Repeat::allowed);
  if (Status leads = still_leads(order); !leads) return leads.error();
  return path;
}

Result<SnapshotFetcher::Offer> SnapshotFetcher::ask(const Order& order) {
  Result<wire::Message> made =
      expect_ok(channel_->call("POST", "/v1/backups", {}, kPatience, Repeat::allowed));
  if (!made) return made.error();
  Offer offer{text(*made, "id"), number(*made, "bytes"), text(*made, "sha256"),
              number(*made, "revision")};
  if (offer.id.empty() || offer.bytes == 0 || offer.revision < order.what.revision_min) {
    return Error{ErrorCode::unavailable, "snapshot_too_old",
                 order.what.from + " offered a snapshot at revision " +
                     std::to_string(offer.revision) + ", but " +
                     std::to_string(order.what.revision_min) + " is committed; asking again"};
  }
  return offer;
}

Status SnapshotFetcher::copy(const Order& order, const Offer& offer, const std::string& path) {
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!file.valid()) return base::errno_error("could not create", path, errno);
  base::Sha256 hash;
  std::uint64_t offset = 0;
  while (offset < offer.bytes) {
    Result<std::string> bytes = piece(order, offer, offset);
    if (!bytes) return bytes.error();
    if (bytes->empty()) break;
    if (Status written = write_all(file.get(), *bytes, path); !written) return written;
    hash.update(*bytes);
    offset += bytes->size();
  }
  if (offset != offer.bytes || hash.finish() != offer.sha256) {
    return Error{ErrorCode::corrupt, "snapshot_damaged",
                 "the snapshot from " + order.what.from +
                     " arrived damaged or short; it is thrown away and asked for again"};
  }
  if (::fsync(file.get()) != 0) return base::errno_error("could not sync", path, errno);
  return {};
}

Result<std::string> SnapshotFetcher::piece(const Order& order, const Offer& offer,
                                           std::uint64_t offset) {
  const std::string target = "/v1/backups/" + offer.id + "?offset=" + std::to_string(offset) +
                             "&length=" + std::to_string(kSnapshotPieceBytes);
  Error problem;
  for (int tries = 0; tries < kSnapshotPieceTries && current(order); ++tries) {
    Result<wire::Message> came =
        expect_ok(channel_->call("GET", target, {}, kPatience, Repeat::allowed));
    if (came) return std::move(came->body);
    problem = came.error();
    if (problem.code == ErrorCode::not_found) break;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kRetryPause, [this] { return stopping_; });
  }
  return problem;
}

// What was asked for in the leader's term is good only if it led that term to the end.
Status SnapshotFetcher::still_leads(const Order& order) {
  Result<wire::Message> answered =
      expect_ok(channel_->call("GET", "/v1/peer/leads?term=" + std::to_string(order.what.term), {},
                               kPatience, Repeat::allowed));
  if (!answered) return answered.error();
  return {};
}

}  // namespace mlguard::replicator
