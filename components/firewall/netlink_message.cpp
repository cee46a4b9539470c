#include "firewall/netlink_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace mlguard::firewall {
namespace {

constexpr std::size_t kHeadBytes = sizeof(nlmsghdr) + sizeof(nfgenmsg);

std::size_t aligned(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

template <class Value>
void append_value(std::string& out, const Value& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Value>
Value value_at(std::string_view bytes) {
  Value value = {};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

void pad(std::string& out) { out.resize(aligned(out.size()), '\0'); }

}  // namespace

void append_message(std::string& out, const MessageHead& head, const std::string& attributes) {
  nlmsghdr message = {};
  message.nlmsg_len = static_cast<std::uint32_t>(kHeadBytes + attributes.size());
  message.nlmsg_type = head.type;
  message.nlmsg_flags = head.flags;
  message.nlmsg_seq = head.sequence;
  nfgenmsg netfilter = {};
  netfilter.nfgen_family = head.family;
  netfilter.version = NFNETLINK_V0;
  netfilter.res_id = htons(head.resource);
  append_value(out, message);
  append_value(out, netfilter);
  out += attributes;
  pad(out);
}

void AttributeWriter::bytes(std::uint16_t type, std::string_view value) {
  const nlattr head = {static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  append_value(out_, head);
  out_ += value;
  pad(out_);
}

void AttributeWriter::text(std::uint16_t type, const std::string& value) {
  bytes(type, std::string_view(value.c_str(), value.size() + 1));
}

void AttributeWriter::number64(std::uint16_t type, std::uint64_t value) {
  const std::uint64_t big = htobe64(value);
  bytes(type, std::string_view(reinterpret_cast<const char*>(&big), sizeof big));
}

std::size_t AttributeWriter::open_nested(std::uint16_t type) {
  const std::size_t begin = out_.size();
  append_value(out_, nlattr{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)});
  return begin;
}

void AttributeWriter::close_nested(std::size_t begin) {
  const auto length = static_cast<std::uint16_t>(out_.size() - begin);
  std::memcpy(out_.data() + begin, &length, sizeof length);
}

std::optional<AttributeReader::Attribute> AttributeReader::next(std::string_view& rest) {
  if (rest.size() < sizeof(nlattr)) return std::nullopt;
  const auto head = value_at<nlattr>(rest);
  if (head.nla_len < sizeof(nlattr) || head.nla_len > rest.size()) return std::nullopt;
  const Attribute one = {static_cast<std::uint16_t>(head.nla_type & NLA_TYPE_MASK),
                         rest.substr(sizeof(nlattr), head.nla_len - sizeof(nlattr))};
  rest.remove_prefix(std::min(aligned(head.nla_len), rest.size()));
  return one;
}

std::string_view AttributeReader::bytes(std::uint16_t type) const {
  std::string_view rest = all_;
  while (const auto one = next(rest)) {
    if (one->type == type) return one->value;
  }
  return {};
}

std::string_view AttributeReader::text(std::uint16_t type) const {
  const std::string_view value = bytes(type);
  return value.substr(0, value.find('\0'));
}

std::uint32_t AttributeReader::number32(std::uint16_t type) const {
  const std::string_view value = bytes(type);
  return value.size() < sizeof(std::uint32_t) ? 0 : be32toh(value_at<std::uint32_t>(value));
}

std::uint64_t AttributeReader::number64(std::uint16_t type) const {
  const std::string_view value = bytes(type);
  return value.size() < sizeof(std::uint64_t) ? 0 : be64toh(value_at<std::uint64_t>(value));
}

std::optional<NetlinkMessage> MessageReader::next() {
  if (rest_.size() < sizeof(nlmsghdr)) return std::nullopt;
  const auto head = value_at<nlmsghdr>(rest_);
  if (head.nlmsg_len < sizeof(nlmsghdr) || head.nlmsg_len > rest_.size()) return std::nullopt;
  NetlinkMessage message;
  message.type = head.nlmsg_type;
  message.flags = head.nlmsg_flags;
  message.sequence = head.nlmsg_seq;
  const std::string_view body = rest_.substr(sizeof(nlmsghdr), head.nlmsg_len - sizeof(nlmsghdr));
  if (message.type == NLMSG_ERROR && body.size() >= sizeof(int)) {
    message.error = -value_at<int>(body);
  } else if (body.size() >= sizeof(nfgenmsg)) {
    message.attributes = body.substr(sizeof(nfgenmsg));
  }
  rest_.remove_prefix(std::min(aligned(head.nlmsg_len), rest_.size()));
  return message;
}

}  // namespace mlguard::firewall
