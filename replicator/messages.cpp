#include "replicator/messages.h"

namespace mlguard::replicator {
namespace {

struct Namer {
  const char* operator()(const Ping&) const { return "ping"; }
  const char* operator()(const Pong&) const { return "pong"; }
  const char* operator()(const VoteRequest&) const { return "vote-request"; }
  const char* operator()(const VoteReply&) const { return "vote-reply"; }
  const char* operator()(const Fetch&) const { return "fetch"; }
  const char* operator()(const FetchReply&) const { return "fetch-reply"; }
  const char* operator()(const Probe&) const { return "probe"; }
  const char* operator()(const ProbeReply&) const { return "probe-reply"; }
  const char* operator()(const MergeTail&) const { return "merge-tail"; }
  const char* operator()(const MergeReply&) const { return "merge-reply"; }
  const char* operator()(const TransferNow&) const { return "transfer-now"; }
};

}  // namespace

const char* name_of(const Body& body) { return std::visit(Namer{}, body); }

}  // namespace mlguard::replicator
