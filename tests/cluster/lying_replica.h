// LyingReplica: a real replica whose answers to fetches can be spoiled: for tests of what its
// followers do then. Everything else goes to the real one. Any thread, as Replicator.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replicator/message_codec.h"
#include "replicator/replicator.h"

namespace mlguard::cluster {

enum class Lie { none, entries_out_of_order, another_content, garbage };

class LyingReplica final : public replicator::Replicator {
 public:
  // `lie` outlives it.
  LyingReplica(std::unique_ptr<Replicator> real, const std::atomic<Lie>& lie)
      : real_(std::move(real)), lie_(lie) {}

  void receive(replicator::PeerMail mail) override {
    mail.reply = [this, reply = std::move(mail.reply)](base::Result<std::string> body) {
      if (body.ok()) spoil(*body);
      reply(std::move(body));
    };
    real_->receive(std::move(mail));
  }

  void transact(db::Write write, std::function<void(base::Result<db::WriteResult>)> done) override {
    real_->transact(std::move(write), std::move(done));
  }
  base::Result<std::unique_ptr<db::Reader>> read() override { return real_->read(); }
  db::ReadTicket ticket() const override { return real_->ticket(); }
  void confirm_read(db::ReadTicket ticket, std::uint64_t revision,
                    std::function<void(base::Status)> done) override {
    real_->confirm_read(ticket, revision, std::move(done));
  }
  void when_committed(std::uint64_t revision, std::int64_t wait_ms,
                      std::function<void(base::Status)> done) override {
    real_->when_committed(revision, wait_ms, std::move(done));
  }
  std::unique_ptr<db::Watch> watch(db::WatchCallback callback) override {
    return real_->watch(std::move(callback));
  }
  void on_revoked(std::function<void(const std::vector<std::string>&)> callback) override {
    real_->on_revoked(std::move(callback));
  }
  base::Result<base::ResourceHeads> renew_lease(const base::Heartbeat& heartbeat) override {
    return real_->renew_lease(heartbeat);
  }
  std::vector<db::Lease> leases() const override { return real_->leases(); }
  bool free_or_held_by(std::string_view component, std::string_view key) const override {
    return real_->free_or_held_by(component, key);
  }
  db::EngineStatus status() const override { return real_->status(); }
  db::EngineCounters counters() const override { return real_->counters(); }
  base::Result<db::VerifyReport> verify() override { return real_->verify(); }
  base::Result<std::uint64_t> backup_to(const std::string& path) override {
    return real_->backup_to(path);
  }
  void stop() override { real_->stop(); }
  std::shared_ptr<const replicator::ClusterView> view() const override { return real_->view(); }
  bool wait_for_leader(std::int64_t wait_ms) const override {
    return real_->wait_for_leader(wait_ms);
  }
  const replicator::NodeId& self() const override { return real_->self(); }
  bool leads(replicator::Term term) const override { return real_->leads(term); }
  std::uint64_t committed() const override { return real_->committed(); }
  std::int64_t age_ms() const override { return real_->age_ms(); }
  void change_members(replicator::MemberChange change, const replicator::NodeId& member,
                      const std::string& author, replicator::AnswerDone done) override {
    real_->change_members(change, member, author, std::move(done));
  }
  void transfer(const replicator::NodeId& target, replicator::AnswerDone done) override {
    real_->transfer(target, std::move(done));
  }
  void hand_over() override {}
  replicator::PeerCalls& calls() override { return real_->calls(); }
  void when_durable(std::uint64_t revision, std::int64_t wait_ms,
                    std::function<void(base::Status)> done) override {
    real_->when_durable(revision, wait_ms, std::move(done));
  }
  std::vector<std::pair<std::string, std::uint64_t>> messages_sent() const override {
    return real_->messages_sent();
  }

 private:
  void spoil(std::string& body) const {
    const Lie lie = lie_;
    base::Result<replicator::Message> message = replicator::decode_message(body);
    if (lie == Lie::none || !message) return;
    auto* fetched = std::get_if<replicator::FetchReply>(&message->body);
    if (fetched == nullptr || fetched->entries.empty()) return;
    auto& entries = fetched->entries;
    if (lie == Lie::garbage) {
      body.assign(body.rbegin(), body.rend());
      return;
    }
    if (lie == Lie::another_content) entries.back().payload.push_back('x');
    // The first is as it should be. Alone, an entry cannot be out of order, but it can come twice.
    if (lie == Lie::entries_out_of_order) {
      if (entries.size() < 3) entries.push_back(entries.front());
      std::reverse(entries.begin() + 1, entries.end());
    }
    body = replicator::encode(*message);
  }

  const std::unique_ptr<Replicator> real_;
  const std::atomic<Lie>& lie_;
};

}  // namespace mlguard::cluster
