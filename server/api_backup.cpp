#include <string>
#include <utility>

#include "base/logging.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "wire/messages.h"

namespace mlguard::server {

using base::Result;
using base::Status;

void verify_store(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::verify); !may) {
    return exchange->fail(may.error());
  }
  Result<db::VerifyReport> report = api.engine.verify();
  if (!report) return exchange->fail(report.error());
  for (const std::string& problem : report->problems) {
    base::log_error("verification found a problem", {{"problem", problem}});
  }
  exchange->reply(json_answer(encode_verify(*report)));
}

void make_backup(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::backup); !may) {
    return exchange->fail(may.error());
  }
  const Identity& caller = exchange->caller();
  Result<Backup> backup =
      api.backups.make(caller.role == base::Role::peer ? caller.name : std::string());
  if (!backup) return exchange->fail(backup.error());
  base::log_info("backup made", {{"id", backup->id},
                                 {"bytes", backup->bytes},
                                 {"revision", backup->revision},
                                 {"who", exchange->caller().name}});
  ApiAnswer answer = json_answer(encode_backup(*backup));
  // For peers, which take it as a snapshot.
  answer.fields = {{"id", backup->id},
                   {"bytes", std::to_string(backup->bytes)},
                   {"sha256", backup->sha256},
                   {std::string(wire::kFieldRevision), std::to_string(backup->revision)}};
  exchange->reply(std::move(answer));
}

void list_backups(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::backup); !may) {
    return exchange->fail(may.error());
  }
  exchange->reply(json_answer(encode_backups(api.backups.list())));
}

// A piece travels raw; an empty one says that the end is reached.
void get_backup(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::backup); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  Result<std::uint64_t> offset = query.number("offset", 0, INT64_MAX);
  if (!offset) return exchange->fail(offset.error());
  Result<std::uint64_t> length = query.number("length", kBackupPieceBytesMax, kBackupPieceBytesMax);
  if (!length) return exchange->fail(length.error());
  Result<std::string> piece = api.backups.piece(exchange->request().parameters[0], *offset,
                                                static_cast<std::size_t>(*length));
  if (!piece) return exchange->fail(piece.error());
  ApiAnswer answer;
  answer.fields.push_back({"offset", std::to_string(*offset)});
  answer.body = std::move(*piece);
  exchange->reply(std::move(answer));
}

void delete_backup(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::backup); !may) {
    return exchange->fail(may.error());
  }
  if (Status removed = api.backups.remove(exchange->request().parameters[0]); !removed) {
    return exchange->fail(removed.error());
  }
  exchange->reply(json_answer(R"({"status":"ok"})"));
}

}  // namespace mlguard::server
