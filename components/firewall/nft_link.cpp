#include "firewall/nft_link.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include "firewall/netlink_message.h"

namespace mlguard::firewall {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr int kAnswerWaitMs = 10'000;
constexpr int kBufferBytes = 64 << 20;  // A transaction is one datagram.
constexpr std::size_t kReceiveBytes = 1 << 18;
// The elements of one message are one attribute, whose length has 16 bits.
constexpr std::size_t kElementsPerMessage = 500;
constexpr int kListTriesMax = 5;
constexpr std::uint16_t kNftables = NFNL_SUBSYS_NFTABLES << 8;
constexpr const char* kInterrupted = "interrupted";

Error kernel_says(const std::string& tried, int error) {
  const std::string what = tried + ": " + std::generic_category().message(error);
  switch (error) {
    case EPERM:
    case EACCES:
      return {ErrorCode::permission_denied, "missing_capability",
              what +
                  ": run as root, or give the binary its capability with "
                  "'setcap cap_net_admin+ep'"};
    case ENOENT: return {ErrorCode::not_found, "no_table", what};
    case ENFILE: return {ErrorCode::too_large, "set_full", what + ": a set of nftables is full"};
    default: return {ErrorCode::io, "kernel", what};
  }
}

std::string table_and_set(const std::string& table, const std::string& set) {
  AttributeWriter out;
  out.text(NFTA_SET_ELEM_LIST_TABLE, table);
  out.text(NFTA_SET_ELEM_LIST_SET, set);
  return out.take();
}

void write_element(AttributeWriter& out, const NftElement& element, bool with_timeout) {
  out.nested(NFTA_LIST_ELEM, [&](AttributeWriter& item) {
    item.nested(NFTA_SET_ELEM_KEY,
                [&](AttributeWriter& key) { key.bytes(NFTA_DATA_VALUE, element.key.bytes()); });
    if (with_timeout && element.timeout_ms != 0) {
      item.number64(NFTA_SET_ELEM_TIMEOUT, element.timeout_ms);
    }
  });
}

// A transaction in the making.
class Batch {
 public:
  explicit Batch(std::uint32_t first_sequence) : sequence_(first_sequence) {
    edge(NFNL_MSG_BATCH_BEGIN);
  }
  void elements(std::uint16_t type, const std::string& table, const std::string& set,
                std::span<const NftElement> elements) {
    const bool adds = type == NFT_MSG_NEWSETELEM;
    AttributeWriter out;
    out.text(NFTA_SET_ELEM_LIST_TABLE, table);
    out.text(NFTA_SET_ELEM_LIST_SET, set);
    out.nested(NFTA_SET_ELEM_LIST_ELEMENTS, [&](AttributeWriter& list) {
      for (const NftElement& one : elements) write_element(list, one, adds);
    });
    // Every message is acknowledged: an error in any of them must be seen.
    const std::uint16_t create = adds ? NLM_F_CREATE : 0;
    append_message(bytes_,
                   {static_cast<std::uint16_t>(kNftables | type),
                    static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | create), ++sequence_,
                    NFPROTO_INET, 0},
                   out.take());
  }
  std::uint32_t last() const { return sequence_; }
  std::string finish() {
    const std::uint32_t last_message = sequence_;
    edge(NFNL_MSG_BATCH_END);
    sequence_ = last_message;
    return std::move(bytes_);
  }

 private:
  void edge(std::uint16_t type) {
    append_message(bytes_, {type, NLM_F_REQUEST, ++sequence_, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES},
                   {});
  }
  std::string bytes_;
  std::uint32_t sequence_;
};

void add_elements(Batch& batch, std::uint16_t type, const std::string& table,
                  const std::vector<NftElements>& sets) {
  for (const NftElements& one : sets) {
    for (std::size_t at = 0; at < one.elements.size(); at += kElementsPerMessage) {
      const std::size_t count = std::min(kElementsPerMessage, one.elements.size() - at);
      batch.elements(type, table, one.set, std::span(one.elements).subspan(at, count));
    }
  }
}

void read_counter(std::string_view expression, NftElement& element) {
  const AttributeReader attributes(expression);
  if (attributes.text(NFTA_EXPR_NAME) != "counter") return;
  const AttributeReader data(attributes.bytes(NFTA_EXPR_DATA));
  element.packets = data.number64(NFTA_COUNTER_PACKETS);
  element.bytes = data.number64(NFTA_COUNTER_BYTES);
}

NftElement read_element(std::string_view bytes) {
  const AttributeReader attributes(bytes);
  NftElement element;
  element.key = AttributeReader(attributes.bytes(NFTA_SET_ELEM_KEY)).bytes(NFTA_DATA_VALUE);
  element.timeout_ms = attributes.number64(NFTA_SET_ELEM_EXPIRATION);
  read_counter(attributes.bytes(NFTA_SET_ELEM_EXPR), element);
  const AttributeReader several(attributes.bytes(NFTA_SET_ELEM_EXPRESSIONS));
  several.each([&](std::uint16_t, std::string_view one) { read_counter(one, element); });
  return element;
}

}  // namespace

base::Result<NftLink> NftLink::open() {
  base::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket.valid()) return kernel_says("cannot talk to nftables", errno);
  for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {
    if (setsockopt(socket.get(), SOL_SOCKET, option, &kBufferBytes, sizeof kBufferBytes) != 0) {
      return kernel_says("cannot talk to nftables", errno);
    }
  }
  return NftLink(std::move(socket));
}

Status NftLink::send(const std::string& bytes) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                              reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent == static_cast<ssize_t>(bytes.size())) return {};
  return kernel_says("cannot talk to nftables", errno);
}

template <class Each>
Status NftLink::receive(std::uint32_t first, std::uint32_t last, const Each& each) {
  std::vector<char> buffer(kReceiveBytes);
  bool interrupted = false;
  for (;;) {
    pollfd readable = {socket_.get(), POLLIN, 0};
    if (poll(&readable, 1, kAnswerWaitMs) <= 0) return kernel_says("nftables is silent", ETIME);
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return kernel_says("cannot hear nftables", errno);
    MessageReader messages(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
    while (const auto message = messages.next()) {
      // What is left of an answer that was an error is not of this one.
      if (message->sequence < first || message->sequence > last) continue;
      interrupted = interrupted || (message->flags & NLM_F_DUMP_INTR) != 0;
      const bool ends = message->type == NLMSG_DONE ||
                        (message->type == NLMSG_ERROR && message->sequence == last);
      if (message->type == NLMSG_ERROR && message->error != 0) {
        return kernel_says("nftables refused", message->error);
      }
      if (ends && interrupted)
        return Error(ErrorCode::unavailable, kInterrupted, "changed meanwhile");
      if (ends) return {};
      if (message->type != NLMSG_ERROR) each(*message);
    }
  }
}

template <class Each>
Status NftLink::ask(std::uint16_t type, std::uint16_t flags, const std::string& attributes,
                    const Each& each) {
  std::string bytes;
  const std::uint32_t sequence = ++sequence_;
  append_message(bytes,
                 {static_cast<std::uint16_t>(kNftables | type),
                  static_cast<std::uint16_t>(NLM_F_REQUEST | flags), sequence, NFPROTO_INET, 0},
                 attributes);
  const Status sent = send(bytes);
  return sent.ok() ? receive(sequence, sequence, each) : sent;
}

Status NftLink::change(const std::string& table, const std::vector<NftElements>& add,
                       const std::vector<NftElements>& again,
                       const std::vector<NftElements>& remove) {
  if (add.empty() && again.empty() && remove.empty()) return {};
  const std::uint32_t first = sequence_ + 1;
  Batch batch(sequence_);
  // Adding what is there is no error, and removing what is not is one; older kernels do not change
  // the timeout of what is there. So: add, remove, and add again what is to stay.
  for (const std::vector<NftElements>* both : {&remove, &again}) {
    add_elements(batch, NFT_MSG_NEWSETELEM, table, *both);
    add_elements(batch, NFT_MSG_DELSETELEM, table, *both);
  }
  for (const std::vector<NftElements>* both : {&again, &add}) {
    add_elements(batch, NFT_MSG_NEWSETELEM, table, *both);
  }
  const std::uint32_t last = batch.last();
  const Status sent = send(batch.finish());
  sequence_ = last + 1;
  if (!sent.ok()) return sent;
  return receive(first, last, [](const NetlinkMessage&) {});
}

base::Result<std::vector<NftElement>> NftLink::list(const std::string& table,
                                                    const std::string& set) {
  std::vector<NftElement> all;
  Status read;
  for (int tries = 0; tries < kListTriesMax; ++tries) {
    all.clear();
    read = ask(NFT_MSG_GETSETELEM, NLM_F_DUMP, table_and_set(table, set),
               [&](const NetlinkMessage& message) {
                 const AttributeReader attributes(message.attributes);
                 const AttributeReader elements(attributes.bytes(NFTA_SET_ELEM_LIST_ELEMENTS));
                 elements.each([&](std::uint16_t, std::string_view one) {
                   all.push_back(read_element(one));
                 });
               });
    if (read.ok() || read.error().reason != kInterrupted) break;
  }
  if (!read.ok()) return read.error();
  return all;
}

base::Result<std::vector<std::string>> NftLink::sets(const std::string& table) {
  std::vector<std::string> names;
  AttributeWriter out;
  out.text(NFTA_SET_TABLE, table);
  const Status read =
      ask(NFT_MSG_GETSET, NLM_F_DUMP, out.take(), [&](const NetlinkMessage& message) {
        const AttributeReader attributes(message.attributes);
        if (attributes.text(NFTA_SET_TABLE) == table) {
          names.emplace_back(attributes.text(NFTA_SET_NAME));
        }
      });
  if (!read.ok() && read.error().code != ErrorCode::not_found) return read.error();
  return names;
}

base::Result<std::vector<std::uint64_t>> NftLink::rule_handles(const std::string& table) {
  std::vector<std::uint64_t> handles;
  AttributeWriter out;
  out.text(NFTA_RULE_TABLE, table);
  const Status read =
      ask(NFT_MSG_GETRULE, NLM_F_DUMP, out.take(), [&](const NetlinkMessage& message) {
        const AttributeReader attributes(message.attributes);
        handles.push_back(attributes.number64(NFTA_RULE_HANDLE));
      });
  if (!read.ok() && read.error().code != ErrorCode::not_found) return read.error();
  return handles;
}

base::Result<std::uint32_t> NftLink::generation() {
  std::uint32_t generation = 0;
  const Status read = ask(NFT_MSG_GETGEN, NLM_F_ACK, {}, [&](const NetlinkMessage& message) {
    generation = AttributeReader(message.attributes).number32(NFTA_GEN_ID);
  });
  if (!read.ok()) return read.error();
  return generation;
}

}  // namespace mlguard::firewall
