#include <string>
#include <utility>

#include "base/logging.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr base::Role kAgentRoles[] = {base::Role::sniffer, base::Role::ml_detector,
                                      base::Role::firewall, base::Role::rag};

// An agent registers in its own role. An operator, who may register anything (ml-guard api), names
// the kind by the component's name.
Result<base::Role> role_of(const Identity& caller, const std::string& component) {
  if (caller.role != base::Role::operator_) return caller.role;
  for (const base::Role role : kAgentRoles) {
    if (base::name_fits_role(component, role)) return role;
  }
  return Error{ErrorCode::invalid_argument, "invalid_name",
               "a component is called as its role (sniffer, ml-detector, firewall, rag), or "
               "role-suffix: '" +
                   component + "' is neither"};
}

}  // namespace

void list_components(ApiContext& api, const ExchangePtr& exchange) {
  exchange->reply(json_answer(encode_components(api.health.components())));
}

void get_component(ApiContext& api, const ExchangePtr& exchange) {
  const std::string& name = exchange->request().parameters[0];
  ComponentDetails details;
  bool found = false;
  for (ComponentHealth& health : api.health.components()) {
    if (health.lease.component.name != name) continue;
    details.health = std::move(health);
    found = true;
  }
  if (!found) {
    return exchange->fail({ErrorCode::not_found, "unknown_component",
                           "no component '" + name +
                               "' is registered; GET /components lists "
                               "those that are"});
  }
  details.with_heartbeat_detail = exchange->session() != nullptr;
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<base::ConfigVersion> config = reader.config(name);
    if (!config && config.error().code != ErrorCode::not_found) return config.error();
    if (config) details.config_version = config->version;
    Result<std::vector<base::Applied>> applied = reader.applied();
    if (!applied) return applied.error();
    for (base::Applied& one : *applied) {
      if (one.component == name) details.applied.push_back(std::move(one));
    }
    return json_answer(encode_component(details));
  });
}

void register_component(ApiContext& api, const ExchangePtr& exchange) {
  Result<base::Component> component = wire::decode_register(exchange->request().message.body);
  if (!component) return exchange->fail(component.error());
  const Identity& caller = exchange->caller();
  if (Status may = authorize(api, *exchange, Verb::component_register, component->name); !may) {
    return exchange->fail(may.error());
  }
  Result<base::Role> role = role_of(caller, component->name);
  if (!role) return exchange->fail(role.error());
  component->role = *role;
  component->public_key = caller.key;
  component->registered_at_ms = api.clock.wall_ms();
  const std::string name = component->name;
  const std::string version = component->version;
  const std::string address = component->address;
  transact(api, exchange, db::RegisterComponent{std::move(*component)},
           [name, version, address](const db::WriteResult& result) {
             if (!result.changed) return;
             base::log_info("component registered",
                            {{"component", name}, {"version", version}, {"address", address}});
           });
}

void unregister_component(ApiContext& api, const ExchangePtr& exchange) {
  Result<wire::Unregister> wanted = wire::decode_unregister(exchange->request().message.body);
  if (!wanted) return exchange->fail(wanted.error());
  // By the heartbeat's right: unlike registering, this is for the name's present holder only.
  if (Status may = authorize(api, *exchange, Verb::component_heartbeat, wanted->component); !may) {
    return exchange->fail(may.error());
  }
  transact(api, exchange, db::UnregisterComponent{wanted->component, wanted->instance_id},
           [name = wanted->component](const db::WriteResult& /*result*/) {
             base::log_info("component unregistered", {{"component", name}});
           });
}

void heartbeat(ApiContext& api, const ExchangePtr& exchange) {
  Result<base::Heartbeat> beat = wire::decode_heartbeat(exchange->request().message.body);
  if (!beat) return exchange->fail(beat.error());
  if (Status may = authorize(api, *exchange, Verb::component_heartbeat, beat->component); !may) {
    return exchange->fail(may.error());
  }
  beat->received_at_ms = api.clock.wall_ms();
  Result<base::ResourceHeads> heads = api.engine.renew_lease(*beat);
  if (!heads) return exchange->fail(heads.error());
  api.beats.beat(*beat);
  wire::HeartbeatReply reply;
  reply.interval_ms = api.settings.heartbeat_interval_ms;
  reply.heads = *heads;
  exchange->reply(json_answer(wire::encode(reply)));
}

void remove_component(ApiContext& api, const ExchangePtr& exchange) {
  const std::string& name = exchange->request().parameters[0];
  if (Status may = authorize(api, *exchange, Verb::component_remove, name); !may) {
    return exchange->fail(may.error());
  }
  transact(api, exchange, db::RemoveComponent{name},
           [&api, name, own = exchange->caller().key](const db::WriteResult& result) {
             base::log_info("component removed", {{"component", name}});
             for (const std::string& key : result.ids) {
               // An operator who had registered it by hand does not lose the session with it.
               if (key != own) api.sessions.end_of_key(key);
             }
           });
}

}  // namespace mlguard::server
