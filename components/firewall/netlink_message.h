// Netlink messages and their attributes (RFC 3549; linux/netlink.h) as nfnetlink has them: written
// into a string, read from one. Readers never read beyond their bytes. Plain values; no locks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlguard::firewall {

struct MessageHead {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint8_t family = 0;
  std::uint16_t resource = 0;  // Of nfgenmsg, in host byte order.
};
// REQUIRES: the attributes fit into a message (2^32 bytes).
void append_message(std::string& out, const MessageHead& head, const std::string& attributes);

// Numbers are in network byte order, as nftables wants them.
class AttributeWriter {
 public:
  void bytes(std::uint16_t type, std::string_view value);
  void text(std::uint16_t type, const std::string& value);  // With its closing zero.
  void number64(std::uint16_t type, std::uint64_t value);
  template <class Fill>
  void nested(std::uint16_t type, const Fill& fill) {
    const std::size_t begin = open_nested(type);
    fill(*this);
    close_nested(begin);
  }
  std::string take() { return std::move(out_); }

 private:
  std::size_t open_nested(std::uint16_t type);
  void close_nested(std::size_t begin);
  std::string out_;
};

// What is missing or too short reads as nothing: empty text, zero.
class AttributeReader {
 public:
  explicit AttributeReader(std::string_view attributes) : all_(attributes) {}

  template <class Each>
  void each(const Each& told) const {
    std::string_view rest = all_;
    while (const auto one = next(rest)) told(one->type, one->value);
  }
  std::string_view bytes(std::uint16_t type) const;
  std::string_view text(std::uint16_t type) const;  // Without its closing zero.
  std::uint32_t number32(std::uint16_t type) const;
  std::uint64_t number64(std::uint16_t type) const;

 private:
  struct Attribute {
    std::uint16_t type;
    std::string_view value;
  };
  static std::optional<Attribute> next(std::string_view& rest);
  std::string_view all_;
};

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  int error = 0;                // Of NLMSG_ERROR: an errno value; 0 is an acknowledgement.
  std::string_view attributes;  // Behind nfgenmsg.
};

class MessageReader {
 public:
  explicit MessageReader(std::string_view datagram) : rest_(datagram) {}
  std::optional<NetlinkMessage> next();

 private:
  std::string_view rest_;
};

}  // namespace mlguard::firewall
