// Who may do what: one table of role × verb for the whole server. Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/model.h"
#include "base/result.h"

namespace mlguard::server {

enum class Verb {
  status_read,          // /health, /status, /components, /metrics, /info
  enrol,                // POST /v1/enrol
  component_register,   // register and unregister
  component_heartbeat,  //
  component_remove,     //
  config_read,          // the active document, any version, the history, watching it
  config_list,          // all components' active versions
  config_write,         // put
  config_manage,        // rollback, delete
  rules_read,           // list, one, stream, watching them
  rules_write,          // put and remove "drop" rules; own: those with oneself as source
  rules_allow,          // put and remove "allow" rules: whoever may, can switch blocking off
  detections_write,
  detections_read,
  applied_write,
  applied_read,
  changes_read,  // the change log, watching everything
  audit_read,
  tokens_manage,
  identities_manage,
  pipeline_keys_read,    // which there are, and when each is active
  pipeline_keys_use,     // their secrets
  pipeline_keys_rotate,  //
  models_read,           // list and fetch
  models_write,          // push and remove
  backup,
  verify,
  cluster_read,      // members, conflicts
  cluster_manage,    // change members, hand leadership over
  questions_ask,     // ask rag, and approve what it proposes
  questions_answer,  // take questions and answer them
  replicate,         // what instances ask of each other
};
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::replicate) + 1;
inline constexpr std::size_t kRoles = static_cast<std::size_t>(base::Role::rag) + 1;

// How far a right reaches.
enum class Reach {
  none,
  own,            // one's own component
  own_or_global,  // that, and the pseudo-component "global"
  any,
};

namespace role_table_detail {

inline constexpr Reach N = Reach::none;
inline constexpr Reach O = Reach::own;
inline constexpr Reach G = Reach::own_or_global;
inline constexpr Reach A = Reach::any;

struct Row {
  Verb verb;
  std::array<Reach, kRoles> reach;
};

// In the order of Verb; columns in the order of base::Role.
inline constexpr std::array<Row, kVerbs> kTable = {{
    //                          operator peer sniffer ml-detector firewall rag
    {Verb::status_read, /*        */ {A, A, A, A, A, A}},
    {Verb::enrol, /*              */ {A, N, A, A, A, A}},
    {Verb::component_register, /* */ {A, N, O, O, O, O}},
    {Verb::component_heartbeat, /**/ {A, N, O, O, O, O}},
    {Verb::component_remove, /*   */ {A, N, N, N, N, N}},
    {Verb::config_read, /*        */ {A, N, G, G, G, A}},
    {Verb::config_list, /*        */ {A, N, N, N, N, A}},
    {Verb::config_write, /*       */ {A, N, O, O, O, O}},
    {Verb::config_manage, /*      */ {A, N, N, N, N, N}},
    {Verb::rules_read, /*         */ {A, N, N, A, A, A}},
    {Verb::rules_write, /*        */ {A, N, N, O, N, N}},
    {Verb::rules_allow, /*        */ {A, N, N, N, N, N}},
    {Verb::detections_write, /*   */ {A, N, N, A, N, N}},
    {Verb::detections_read, /*    */ {A, N, N, N, N, A}},
    {Verb::applied_write, /*      */ {A, N, O, O, O, O}},
    {Verb::applied_read, /*       */ {A, N, N, N, N, A}},
    {Verb::changes_read, /*       */ {A, N, N, N, N, A}},
    {Verb::audit_read, /*         */ {A, N, N, N, N, A}},
    {Verb::tokens_manage, /*      */ {A, N, N, N, N, N}},
    {Verb::identities_manage, /*  */ {A, N, N, N, N, N}},
    {Verb::pipeline_keys_read, /* */ {A, N, A, A, N, N}},
    {Verb::pipeline_keys_use, /*  */ {N, N, A, A, N, N}},
    {Verb::pipeline_keys_rotate, /**/ {A, N, N, N, N, N}},
    {Verb::models_read, /*        */ {A, N, N, A, N, A}},
    {Verb::models_write, /*       */ {A, N, N, N, N, N}},
    {Verb::backup, /*             */ {A, A, N, N, N, N}},
    {Verb::verify, /*             */ {A, N, N, N, N, N}},
    {Verb::cluster_read, /*       */ {A, N, N, N, N, A}},
    {Verb::cluster_manage, /*     */ {A, N, N, N, N, N}},
    {Verb::questions_ask, /*      */ {A, N, N, N, N, N}},
    {Verb::questions_answer, /*   */ {N, N, N, N, N, A}},
    {Verb::replicate, /*          */ {N, A, N, N, N, N}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].verb) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the rows of the role table stand in the order of Verb");

}  // namespace role_table_detail

constexpr Reach reach(base::Role role, Verb verb) {
  return role_table_detail::kTable[static_cast<std::size_t>(verb)]
      .reach[static_cast<std::size_t>(role)];
}

const char* to_string(Verb verb);

// The error that a refused request gets: permission_denied / "role_not_permitted", naming the role,
// the verb and what would be needed.
base::Error not_permitted(base::Role role, Verb verb, std::string_view subject);

}  // namespace mlguard::server
