// Models for ml-detectors: operators push them in parts, detectors fetch them.
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/time_format.h"
#include "server/api_handlers.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using Json = nlohmann::ordered_json;

Json model_json(const db::StoredModel& model) {
  return {{"sha256", model.sha256},
          {"name", model.name},
          {"bytes", model.bytes},
          {"parts", model.parts},
          {"complete", model.parts_there == model.parts},
          {"author", model.author},
          {"pushed_at", base::iso_time(model.created_at_ms)}};
}

Result<std::uint64_t> number_of(std::string_view text, const char* what) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return number;
  return Error{ErrorCode::invalid_argument, "invalid_model",
               std::string(what) + " must be a whole number"};
}

}  // namespace

void list_models(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::models_read); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<db::StoredModel>> models = reader.models();
    if (!models) return models.error();
    Json list = Json::array();
    for (const db::StoredModel& model : *models) list.push_back(model_json(model));
    return json_answer(Json{{"models", std::move(list)}}.dump());
  });
}

void get_model(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::models_read); !may) {
    return exchange->fail(may.error());
  }
  const std::string& sha256 = exchange->request().parameters[0];
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<db::StoredModel> model = reader.model(sha256);
    if (!model) return model.error();
    return json_answer(model_json(*model).dump());
  });
}

void get_model_part(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::models_read); !may) {
    return exchange->fail(may.error());
  }
  const auto& parameters = exchange->request().parameters;
  const Result<std::uint64_t> part = number_of(parameters[1], "the part");
  if (!part) return exchange->fail(part.error());
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::string> bytes = reader.model_part(parameters[0], *part);
    if (!bytes) return bytes.error();
    ApiAnswer answer;
    answer.body = std::move(*bytes);
    return answer;
  });
}

void put_model_part(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::models_write); !may) {
    return exchange->fail(may.error());
  }
  const auto& parameters = exchange->request().parameters;
  const Result<std::uint64_t> part = number_of(parameters[1], "the part");
  if (!part) return exchange->fail(part.error());
  const Query& query = exchange->request().query;
  const Result<std::uint64_t> parts = query.number("parts", 0, db::kModelPartsMax);
  if (!parts) return exchange->fail(parts.error());
  db::PutModelPart command;
  command.sha256 = parameters[0];
  command.part = *part;
  command.parts = *parts;
  command.name = std::string(query.get("name").value_or(""));
  command.bytes = std::move(exchange->request().message.body);
  transact(api, exchange, std::move(command));
}

void remove_model(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::models_write); !may) {
    return exchange->fail(may.error());
  }
  transact(api, exchange, db::RemoveModel{exchange->request().parameters[0]});
}

}  // namespace mlguard::server
