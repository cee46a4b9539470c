#include <string>
#include <utility>

#include "base/ids.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "server/long_poll.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::int64_t kWatchDefaultMs = 30'000;
constexpr std::size_t kResourceCharsMax = 128;
constexpr std::string_view kConfigPrefix = "config/";
constexpr std::string_view kComponentsPrefix = "components/";

// Who may watch a resource is who may read what it names.
Status may_watch(ApiContext& api, const Exchange& exchange, std::string_view resource) {
  if (resource.size() > kResourceCharsMax) {
    return Error{ErrorCode::too_large, "resource_too_long",
                 "a resource has at most " + std::to_string(kResourceCharsMax) + " characters"};
  }
  if (resource == "rules") return authorize(api, exchange, Verb::rules_read);
  if (resource == "detections") return authorize(api, exchange, Verb::detections_read);
  if (resource.substr(0, kComponentsPrefix.size()) == kComponentsPrefix) {
    return authorize(api, exchange, Verb::status_read);
  }
  if (resource == kConfigPrefix) return authorize(api, exchange, Verb::config_list);
  if (resource.substr(0, kConfigPrefix.size()) == kConfigPrefix) {
    return authorize(api, exchange, Verb::config_read, resource.substr(kConfigPrefix.size()));
  }
  return authorize(api, exchange, Verb::changes_read);
}

Result<Look> look_for_changes(db::Reader& reader, const std::string& resource, db::Page page) {
  if (page.after > reader.revision()) {
    return Error{ErrorCode::not_found, "compacted",
                 "revision " + std::to_string(page.after) +
                     " is ahead of this server's history: read the present state and go on from "
                     "its revision"};
  }
  Result<std::vector<base::Change>> changes = reader.changes(resource, page);
  if (!changes) return changes.error();
  Look look;
  look.something_new = !changes->empty();
  look.seen = reader.revision();
  wire::ChangeList list;
  // A full page may end before the newest change: the next one begins where it ends.
  list.revision = changes->size() < page.limit ? look.seen : changes->back().revision;
  list.changes = std::move(*changes);
  look.answer = json_answer(wire::encode(list));
  return look;
}

}  // namespace

void list_changes(ApiContext& api, const ExchangePtr& exchange) {
  const std::string resource(exchange->request().query.get("resource").value_or(""));
  if (Status may = may_watch(api, *exchange, resource); !may) return exchange->fail(may.error());
  Result<db::Page> page = page_of(exchange->request().query);
  if (!page) return exchange->fail(page.error());
  long_poll(
      api, exchange,
      {.resource = resource, .wait_ms = 0, .look = [resource, page = *page](db::Reader& reader) {
         return look_for_changes(reader, resource, page);
       }});
}

void watch_changes(ApiContext& api, const ExchangePtr& exchange) {
  const Query& query = exchange->request().query;
  const std::string resource(query.get("resource").value_or(""));
  if (Status may = may_watch(api, *exchange, resource); !may) return exchange->fail(may.error());
  Result<db::Page> page = page_of(query);
  if (!page) return exchange->fail(page.error());
  Result<std::int64_t> wait = query.duration_ms("wait", kWatchDefaultMs, kLongPollMsMax);
  if (!wait) return exchange->fail(wait.error());
  // Without "after", what happens from now on.
  if (!query.get("after")) page->after = api.engine.status().revision;
  long_poll(api, exchange,
            {.resource = resource,
             .wait_ms = *wait,
             .look = [resource, page = *page](db::Reader& reader) {
               return look_for_changes(reader, resource, page);
             }});
}

void list_audit(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::audit_read); !may) {
    return exchange->fail(may.error());
  }
  Result<db::Page> page = page_of(exchange->request().query);
  if (!page) return exchange->fail(page.error());
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::AuditRecord>> records = reader.audit(*page);
    if (!records) return records.error();
    return json_answer(encode_audit(*records));
  });
}

}  // namespace mlguard::server
