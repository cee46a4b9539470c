// The API's handlers, by topic: one function a route, in api_<topic>.cpp. Each answers its
// exchange, now or later. What they share stands in api_context.h; which route calls which in
// route_table.cpp.
#pragma once

#include "server/api_context.h"
#include "server/exchange.h"

namespace mlguard::server {

// api_status.cpp
void get_health(ApiContext& api, const ExchangePtr& exchange);
void get_status(ApiContext& api, const ExchangePtr& exchange);
void get_metrics(ApiContext& api, const ExchangePtr& exchange);
void get_info(ApiContext& api, const ExchangePtr& exchange);

// api_components.cpp
void list_components(ApiContext& api, const ExchangePtr& exchange);
void get_component(ApiContext& api, const ExchangePtr& exchange);
void register_component(ApiContext& api, const ExchangePtr& exchange);
void unregister_component(ApiContext& api, const ExchangePtr& exchange);
void heartbeat(ApiContext& api, const ExchangePtr& exchange);
void remove_component(ApiContext& api, const ExchangePtr& exchange);

// api_config.cpp
void list_configs(ApiContext& api, const ExchangePtr& exchange);
void get_config(ApiContext& api, const ExchangePtr& exchange);
void put_config(ApiContext& api, const ExchangePtr& exchange);
void delete_config(ApiContext& api, const ExchangePtr& exchange);
void list_config_versions(ApiContext& api, const ExchangePtr& exchange);
void get_config_version(ApiContext& api, const ExchangePtr& exchange);
void rollback_config(ApiContext& api, const ExchangePtr& exchange);

// api_rules.cpp
void list_rules(ApiContext& api, const ExchangePtr& exchange);
void get_rule(ApiContext& api, const ExchangePtr& exchange);
void put_rules(ApiContext& api, const ExchangePtr& exchange);
void remove_rule(ApiContext& api, const ExchangePtr& exchange);
void stream_rules(ApiContext& api, const ExchangePtr& exchange);

// api_detections.cpp
void list_detections(ApiContext& api, const ExchangePtr& exchange);
void put_detections(ApiContext& api, const ExchangePtr& exchange);
void list_applied(ApiContext& api, const ExchangePtr& exchange);
void put_applied(ApiContext& api, const ExchangePtr& exchange);

// api_changes.cpp
void list_changes(ApiContext& api, const ExchangePtr& exchange);
void watch_changes(ApiContext& api, const ExchangePtr& exchange);
void list_audit(ApiContext& api, const ExchangePtr& exchange);

// api_tokens.cpp
void enrol(ApiContext& api, const ExchangePtr& exchange);
void create_token(ApiContext& api, const ExchangePtr& exchange);
void list_tokens(ApiContext& api, const ExchangePtr& exchange);
void revoke_token(ApiContext& api, const ExchangePtr& exchange);
void list_identities(ApiContext& api, const ExchangePtr& exchange);
void revoke_identity(ApiContext& api, const ExchangePtr& exchange);

// api_pipeline.cpp
void list_pipeline_keys(ApiContext& api, const ExchangePtr& exchange);
void rotate_pipeline_keys(ApiContext& api, const ExchangePtr& exchange);

// api_models.cpp
void list_models(ApiContext& api, const ExchangePtr& exchange);
void get_model(ApiContext& api, const ExchangePtr& exchange);
void get_model_part(ApiContext& api, const ExchangePtr& exchange);
void put_model_part(ApiContext& api, const ExchangePtr& exchange);
void remove_model(ApiContext& api, const ExchangePtr& exchange);

// api_questions.cpp
void ask_question(ApiContext& api, const ExchangePtr& exchange);
void next_question(ApiContext& api, const ExchangePtr& exchange);
void answer_question(ApiContext& api, const ExchangePtr& exchange);
void read_answer(ApiContext& api, const ExchangePtr& exchange);
void approve_proposal(ApiContext& api, const ExchangePtr& exchange);

// api_cluster.cpp
void list_members(ApiContext& api, const ExchangePtr& exchange);
void add_member(ApiContext& api, const ExchangePtr& exchange);
void remove_member(ApiContext& api, const ExchangePtr& exchange);
void transfer_leadership(ApiContext& api, const ExchangePtr& exchange);
void list_conflicts(ApiContext& api, const ExchangePtr& exchange);

// api_peer.cpp
void peer_message(ApiContext& api, const ExchangePtr& exchange);
void peer_leads(ApiContext& api, const ExchangePtr& exchange);
void peer_tail(ApiContext& api, const ExchangePtr& exchange);
void peer_enrol(ApiContext& api, const ExchangePtr& exchange);
void peer_audit(ApiContext& api, const ExchangePtr& exchange);

// api_backup.cpp
void verify_store(ApiContext& api, const ExchangePtr& exchange);
void make_backup(ApiContext& api, const ExchangePtr& exchange);
void list_backups(ApiContext& api, const ExchangePtr& exchange);
void get_backup(ApiContext& api, const ExchangePtr& exchange);
void delete_backup(ApiContext& api, const ExchangePtr& exchange);

}  // namespace mlguard::server
