// Gate: the way from an HTTP request to its handler. It finds the route, lets people's plain GETs
// pass, makes sessions by handshake, opens sealed requests, uses join tokens up on the first proven
// message, bounds what each session may have in flight, and hands the request to its handler on the
// event loop or the worker pool.
//
// Threads: handle() on any event loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/api_context.h"
#include "server/handshake.h"
#include "server/http_types.h"
#include "server/route_table.h"
#include "server/router.h"

namespace mlguard::server {

class Gate {
 public:
  explicit Gate(ApiContext& api);

  void handle(HttpRequest request, Responder responder);

 private:
  // A request whose target is understood, before it is known who sent it.
  struct Incoming {
    HttpRequest http;
    Responder responder;
    Router::Match match;
    Query query;
    std::int64_t started_us = 0;
  };

  static std::vector<RoutePattern> patterns();
  const Route* route_of(const Incoming& incoming) const;
  std::size_t label_of(const Incoming& incoming) const;
  void refuse(Incoming& incoming, const ApiAnswer& answer);
  void refuse(Incoming& incoming, const base::Error& error);

  void handle_handshake(Incoming incoming);
  void answer_handshake(Incoming& incoming, HandshakeAnswer answer);
  void handle_plain(Incoming incoming);
  void handle_sealed(Incoming incoming);
  std::optional<base::Error> refusal_of_session(const SessionTable::Pointer& session,
                                                const HttpRequest& http) const;
  void count_body(std::size_t label, const wire::Message& message, bool compressed);
  void admit(const SessionTable::Pointer& session, const ExchangePtr& exchange);
  void enrol_first(const SessionTable::Pointer& session, const ExchangePtr& exchange);
  void dispatch(const ExchangePtr& exchange);
  void dispatch_forwarded(const ExchangePtr& outer);
  bool for_the_leader(const Route& route, const Exchange& exchange) const;
  ExchangePtr make_exchange(Incoming incoming, SessionTable::Pointer session, std::uint64_t counter,
                            wire::Message message);

  ApiContext& api_;
  Router router_;
  Handshaker handshaker_;
};

}  // namespace mlguard::server
