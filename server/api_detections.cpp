#include <string>
#include <utility>

#include "base/time_format.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "wire/messages.h"

namespace mlguard::server {

using base::Result;
using base::Status;

void list_detections(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::detections_read); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  Result<db::Page> page = page_of(query);
  if (!page) return exchange->fail(page.error());
  // "since=1h": no older than that.
  Result<std::int64_t> since = query.duration_ms("since", 0, INT64_MAX);
  if (!since) return exchange->fail(since.error());
  db::DetectionFilter filter;
  filter.kind = query.get("kind").value_or("");
  filter.id = query.get("id").value_or("");
  filter.source_ip = query.get("source_ip").value_or("");
  if (*since > 0) filter.since_ms = api.clock.wall_ms() - *since;
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<db::StoredDetection>> detections = reader.detections(filter, *page);
    if (!detections) return detections.error();
    return json_answer(encode_stored_detections(*detections));
  });
}

void put_detections(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::detections_write); !may) {
    return exchange->fail(may.error());
  }
  Result<std::vector<base::Detection>> detections =
      wire::decode_detections(exchange->request().message.body);
  if (!detections) return exchange->fail(detections.error());
  for (base::Detection& detection : *detections) detection.component = exchange->caller().name;
  transact(api, exchange, db::PutDetections{std::move(*detections)});
}

void list_applied(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::applied_read); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::Applied>> applied = reader.applied();
    if (!applied) return applied.error();
    return json_answer(encode_applied_list(*applied));
  });
}

void put_applied(ApiContext& api, const ExchangePtr& exchange) {
  Result<base::Applied> applied = wire::decode_applied(exchange->request().message.body);
  if (!applied) return exchange->fail(applied.error());
  if (Status may = authorize(api, *exchange, Verb::applied_write, applied->component); !may) {
    return exchange->fail(may.error());
  }
  applied->applied_at_ms = api.clock.wall_ms();
  transact(api, exchange, db::RecordApplied{std::move(*applied)});
}

}  // namespace mlguard::server
