#include <utility>

#include "base/logging.h"
#include "server/api_handlers.h"
#include "server/key_rotation.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Result;
using base::Status;

// With the secrets for those who seal and open batches, without for all others.
Result<base::PipelineKeySet> keys_for(base::Role role, const wire::ClusterKey& cluster,
                                      db::Reader& reader) {
  Result<std::vector<db::StoredPipelineKey>> stored = reader.pipeline_keys();
  if (!stored) return stored.error();
  base::PipelineKeySet set;
  set.revision = reader.revision();
  for (db::StoredPipelineKey& one : *stored) {
    if (reach(role, Verb::pipeline_keys_use) != Reach::none) {
      Result<wire::Key> key = cluster.open_pipeline_key(one.key.id, one.sealed_secret);
      if (!key) return key.error();
      one.key.secret = key->view();
      // A secret does not travel beside text of somebody's choosing: answers are compressed.
      one.key.author.clear();
    }
    set.keys.push_back(std::move(one.key));
  }
  return set;
}

}  // namespace

void list_pipeline_keys(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::pipeline_keys_read); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<base::PipelineKeySet> set = keys_for(exchange->caller().role, api.cluster, reader);
    if (!set) return set.error();
    return json_answer(wire::encode_pipeline_keys(*set, api.clock.wall_ms()));
  });
}

void rotate_pipeline_keys(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::pipeline_keys_rotate); !may) {
    return exchange->fail(may.error());
  }
  Result<std::unique_ptr<db::Reader>> reader = api.engine.read();
  if (!reader) return exchange->fail(reader.error());
  Result<db::AnnouncePipelineKey> next = next_pipeline_key(**reader, api.cluster);
  reader->reset();
  if (!next) return exchange->fail(next.error());
  transact(api, exchange, std::move(*next),
           [who = exchange->caller().name](const db::WriteResult& result) {
             base::log_info("pipeline key announced", {{"id", result.version}, {"who", who}});
           });
}

}  // namespace mlguard::server
