#include <charconv>
#include <string>
#include <utility>

#include "base/ids.h"
#include "server/api_handlers.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::ErrorCode;
using base::Result;
using base::Status;

// Checks the name in the path and the caller's right.
Status admit(ApiContext& api, const Exchange& exchange, Verb verb) {
  const std::string& component = exchange.request().parameters[0];
  if (component != base::kGlobalComponent) {
    if (Status proper = base::check_component_name(component); !proper) return proper;
  }
  return authorize(api, exchange, verb, component);
}

// The document travels raw, what is known about it beside it in fields.
ApiAnswer document_answer(base::ConfigVersion config) {
  ApiAnswer answer;
  answer.fields = {{std::string(wire::kFieldVersion), std::to_string(config.version)},
                   {std::string(wire::kFieldSha256), config.sha256},
                   {"author", std::move(config.author)},
                   {std::string(wire::kFieldComment), std::move(config.comment)},
                   {"created-at-ms", std::to_string(config.created_at_ms)},
                   {"config-revision", std::to_string(config.revision)},
                   {"active", config.active ? "1" : "0"}};
  answer.body = std::move(config.document);
  return answer;
}

}  // namespace

void list_configs(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::config_list); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::ConfigVersion>> configs = reader.configs();
    if (!configs) return configs.error();
    return json_answer(wire::encode_config_list("configs", *configs));
  });
}

void get_config(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_read); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<base::ConfigVersion> config = reader.config(exchange->request().parameters[0]);
    if (!config) return config.error();
    return document_answer(std::move(*config));
  });
}

void get_config_version(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_read); !may) {
    return exchange->fail(may.error());
  }
  const std::string& text = exchange->request().parameters[1];
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version == 0) {
    return exchange->fail({ErrorCode::invalid_argument, "invalid_version",
                           "a version is a whole number from 1 on; the history lists them"});
  }
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<base::ConfigVersion> config = reader.config(exchange->request().parameters[0], version);
    if (!config) return config.error();
    return document_answer(std::move(*config));
  });
}

void put_config(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_write); !may) {
    return exchange->fail(may.error());
  }
  Result<std::optional<std::uint64_t>> expected = expected_version(exchange->request());
  if (!expected) return exchange->fail(expected.error());
  Result<std::string> comment = comment_of(exchange->request());
  if (!comment) return exchange->fail(comment.error());
  db::PutConfig command;
  command.component = exchange->request().parameters[0];
  command.document = std::move(exchange->request().message.body);
  command.comment = std::move(*comment);
  command.expected_version = *expected;
  transact(api, exchange, std::move(command));
}

void delete_config(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_manage); !may) {
    return exchange->fail(may.error());
  }
  Result<std::optional<std::uint64_t>> expected = expected_version(exchange->request());
  if (!expected) return exchange->fail(expected.error());
  transact(api, exchange, db::DeleteConfig{exchange->request().parameters[0], *expected});
}

void list_config_versions(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_read); !may) {
    return exchange->fail(may.error());
  }
  Result<db::Page> page = page_of(exchange->request().query);
  if (!page) return exchange->fail(page.error());
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::ConfigVersion>> versions =
        reader.config_history(exchange->request().parameters[0], *page);
    if (!versions) return versions.error();
    return json_answer(wire::encode_config_list("versions", *versions));
  });
}

void rollback_config(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = admit(api, *exchange, Verb::config_manage); !may) {
    return exchange->fail(may.error());
  }
  Result<wire::Rollback> rollback = wire::decode_rollback(exchange->request().message.body);
  if (!rollback) return exchange->fail(rollback.error());
  Result<std::optional<std::uint64_t>> expected = expected_version(exchange->request());
  if (!expected) return exchange->fail(expected.error());
  db::RollbackConfig command;
  command.component = exchange->request().parameters[0];
  command.to_version = rollback->version;
  command.comment = std::move(rollback->comment);
  command.expected_version = *expected;
  transact(api, exchange, std::move(command));
}

}  // namespace mlguard::server
