#include "server/server.h"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/logging.h"
#include "replicator/folder_replica.h"
#include "server/gate.h"
#include "server/key_rotation.h"
#include "server/route_table.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

// One audit record a second for refusals: an attacker must not fill the disk with them.
constexpr RateLimit kRefusalsAudited = {.per_second = 1, .burst = 10};
constexpr RateLimit kRefusalsLogged = {.per_second = 10, .burst = 100};
constexpr mode_t kFolderMode = 0700;
// An instance that is alone is called by nobody: its name need not be its address.
constexpr const char* kNameAlone = "localhost:2379";

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// The host's own operator key, for `ml-guard` without set-up. It is derived from the cluster's key:
// one from another cluster is replaced by nobody, so it is named instead.
Status ensure_operator_key(const wire::ClusterKey& cluster, const std::string& path) {
  wire::Credential credential;
  credential.cluster_public_key = cluster.server_keys().public_key;
  credential.private_key = cluster.operator_keys().secret;
  credential.role = base::Role::operator_;
  credential.name = "operator";
  Result<wire::Credential> present = wire::load_credential(path);
  if (!present && present.error().code == ErrorCode::not_found) {
    return wire::save_credential(path, credential);
  }
  if (!present) return present.error();
  if (present->cluster_public_key == credential.cluster_public_key &&
      present->private_key == credential.private_key) {
    return {};
  }
  return Error{ErrorCode::conflict, "other_cluster",
               path +
                   " belongs to another cluster than the cluster key beside it: move it away, "
                   "and the server writes a new one"};
}

std::vector<std::string> route_names() {
  std::vector<std::string> names;
  for (const Route& route : routes()) names.emplace_back(route.name);
  return names;
}

class RunningServer final : public Server {
 public:
  RunningServer(const ServerOptions& options, base::Clock& clock, wire::ClusterKey cluster,
                std::unique_ptr<replicator::Replicator> engine)
      : options_(options),
        clock_(clock),
        cluster_(std::move(cluster)),
        engine_(std::move(engine)),
        metrics_(route_names()),
        hub_(clock, engine_->status().revision),
        questions_(clock),
        sessions_(options.sessions, clock,
                  [this](const SessionTable::Pointer& session) {
                    hub_.end_of(session.get());
                    questions_.hub().end_of(session.get());
                  }),
        handshakes_(options.handshakes, kHandshakesLoopback),
        refusals_(kRefusalsAudited, kRefusalsAudited),
        refusal_logs_(kRefusalsLogged, kRefusalsLogged),
        beats_(clock),
        backups_(options.data_dir + "/backups", *engine_, clock),
        promotions_(*engine_),
        guarded_(*engine_, clock),
        rotation_(*engine_, cluster_, clock),
        health_(*engine_, clock, options.health, [this] { chores(); }),
        api_{clock,         *engine_, *engine_,    cluster_,   metrics_,    sessions_,
             hub_,          pool_,    health_,     beats_,     handshakes_, refusals_,
             refusal_logs_, backups_, promotions_, questions_, guarded_,    options.api} {
    api_.started_ms = clock.wall_ms();
  }
  ~RunningServer() override { stop(); }

  Status begin() {
    engine_->on_revoked([this](const std::vector<std::string>& keys) {
      for (const std::string& key : keys) sessions_.end_of_key(key);
    });
    watch_ =
        engine_->watch([this](const std::vector<base::Change>& changes) { hub_.publish(changes); });
    gate_ = std::make_unique<Gate>(api_);
    wait_until_it_leads();
    HttpOptions http = options_.http;
    http.body_bytes_max = options_.api.body_bytes_max + wire::kFrameOverheadBytesMax;
    Result<std::unique_ptr<HttpServer>> started =
        HttpServer::start(http, [this](HttpRequest request, Responder responder) {
          gate_->handle(std::move(request), std::move(responder));
        });
    if (!started) return started.error();
    http_ = std::move(*started);
    if (!options_.ship_to.empty()) {
      Result<std::unique_ptr<ShippingThread>> shipping =
          ShippingThread::start({options_.ship_to, options_.data_dir}, cluster_, *engine_, clock_);
      if (!shipping) return shipping.error();
      shipping_ = std::move(*shipping);
      api_.shipping = shipping_.get();
    }
    api_.http = &http_->counters();
    if (options_.replica.self.empty()) {
      api_.found_at = "localhost:" + std::to_string(http_->port());
    }
    begun_ = true;
    return {};
  }

  std::uint16_t port() const override { return http_->port(); }
  std::string cluster_id() const override { return cluster_.cluster_id(); }
  const wire::ClusterKey& cluster() const override { return cluster_; }
  db::Engine& engine() override { return *engine_; }

  // The lead first, so that nobody waits for an election. Then from the outside in: no new
  // requests, then the answers of those under way, then the store.
  void stop() override {
    if (stopped_.exchange(true)) return;
    engine_->hand_over();
    if (http_) http_->stop_accepting();
    hub_.stop();
    questions_.stop();
    health_.stop();
    if (http_) http_->stop(kStopGraceMs);
    pool_.stop();
    shipping_.reset();
    watch_.reset();
    engine_->stop();
  }

 private:
  // Alone, it leads within milliseconds, unless the disk refuses: whoever can talk to it can write.
  // With others, nobody waits here.
  void wait_until_it_leads() const {
    if (engine_->view()->core.membership.voter_count() == 1) engine_->wait_for_leader(kLeadWaitMs);
  }

  // What is due once in a while, on the health watch's thread.
  void chores() {
    sessions_.expire();
    beats_.tick();
    backups_.expire();
    promotions_.tick();
    questions_.lead(engine_->ticket().term);
    questions_.tick();
    // Nothing is written before begin() has connected what listens.
    if (begun_) rotation_.tick();
  }

  const ServerOptions options_;
  base::Clock& clock_;
  const wire::ClusterKey cluster_;
  std::unique_ptr<replicator::Replicator> engine_;
  Metrics metrics_;
  WatchHub hub_;
  QuestionBoard questions_;
  SessionTable sessions_;
  RateLimiter handshakes_;
  RateLimiter refusals_;
  RateLimiter refusal_logs_;
  HeartbeatLog beats_;
  BackupStore backups_;
  Promotions promotions_;
  ProtectedBoard guarded_;
  KeyRotation rotation_;
  std::atomic<bool> begun_ = false;
  std::atomic<bool> stopped_ = false;
  WorkerPool pool_;
  HealthWatch health_;
  ApiContext api_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<db::Watch> watch_;
  std::unique_ptr<ShippingThread> shipping_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, base::Clock& clock,
                                              const WrapReplica& wrap) {
  if (Status proper = check(options.health); !proper) return proper.error();
  for (const std::string& folder : {options.data_dir, folder_of(options.cluster_key_path),
                                    folder_of(options.operator_key_path)}) {
    if (Status made = base::make_folders(folder, kFolderMode); !made) return made.error();
  }
  Result<wire::ClusterKey> cluster = wire::load_or_create_cluster_key(options.cluster_key_path);
  if (!cluster) return cluster.error();
  if (Status ready = ensure_operator_key(*cluster, options.operator_key_path); !ready) {
    return ready.error();
  }
  replicator::ReplicaOptions replica = options.replica;
  if (replica.self.empty()) {
    replica.self = kNameAlone;
    replica.initial_members = {replica.self};
  }
  replica.store.folder = options.data_dir;
  replica.store.retention = options.retention;
  Result<std::unique_ptr<replicator::Replicator>> engine =
      options.follow_from.empty()
          ? replicator::Replicator::open(replica, *cluster, clock)
          : replicator::follow_folder(replica, options.follow_from, *cluster, clock);
  if (!engine) return engine.error();
  if (wrap) *engine = wrap(std::move(*engine));
  auto server =
      std::make_unique<RunningServer>(options, clock, std::move(*cluster), std::move(*engine));
  if (Status begun = server->begin(); !begun) return begun.error();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace mlguard::server
