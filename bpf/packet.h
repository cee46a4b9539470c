/* What a packet says about itself: one parser for the kernel programs and for user space, so that a
 * capture and a live wire are read by the same code.
 *
 * Reads Ethernet with up to MLG_VLAN_TAGS_MAX tags (802.1Q, 802.1ad, 0x9100), IPv4 with options,
 * IPv6 with up to MLG_EXTENSION_HEADERS_MAX extension headers, TCP, UDP, ICMP and ICMPv6 (RFC 791,
 * 8200, 4302, 9293, 768, 792, 4443). Nothing behind the first 20 bytes of TCP, or the first 8 of
 * UDP and ICMP, is looked at: captures may be cut there. Checksums are not verified, tunnels are
 * not opened, fragments are never put together.
 *
 * Plain C11 and C++: no allocation, no state, bounded loops, every read checked against data_end
 * first (clang 14 and the kernel's verifier accept it). Safe from any thread. In a BPF program read
 * ctx->data and ctx->data_end once and pass both down. */
#ifndef MLGUARD_BPF_PACKET_H
#define MLGUARD_BPF_PACKET_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast" /* C has no other casts. */
#define MLG_STATIC_ASSERT static_assert
#else
#define MLG_STATIC_ASSERT _Static_assert
#endif

#define MLG_INLINE static inline __attribute__((always_inline, unused))

#define MLG_VLAN_TAGS_MAX 2
#define MLG_EXTENSION_HEADERS_MAX 6

#define MLG_ADDRESS_BYTES 16

enum mlg_parse_result {
  MLG_PARSE_OK,              /* every field of mlg_packet is set */
  MLG_PARSE_NOT_IP,          /* ARP, LLDP, 802.3, MPLS, PPPoE and so on; nothing is set */
  MLG_PARSE_TRUNCATED,       /* the capture ends before the fields that are needed */
  MLG_PARSE_FRAGMENT,        /* IP fragment, the first one too: ports and payload are not set */
  MLG_PARSE_MALFORMED,       /* a length or a version that contradicts the rest */
  MLG_PARSE_VLAN_DEPTH,      /* more than MLG_VLAN_TAGS_MAX tags */
  MLG_PARSE_EXTENSION_DEPTH, /* more than MLG_EXTENSION_HEADERS_MAX extension headers */
  MLG_PARSE_OTHER_TRANSPORT, /* IP, but neither TCP, UDP, ICMP nor ICMPv6 (ESP, GRE, SCTP ...) */
  MLG_PARSE_RESULTS
};

enum mlg_family { MLG_FAMILY_NONE = 0, MLG_FAMILY_IPV4 = 4, MLG_FAMILY_IPV6 = 6 };

enum mlg_protocol {
  MLG_PROTOCOL_ICMP = 1,
  MLG_PROTOCOL_TCP = 6,
  MLG_PROTOCOL_UDP = 17,
  MLG_PROTOCOL_ICMPV6 = 58
};

enum mlg_tcp_flag {
  MLG_TCP_FIN = 0x01,
  MLG_TCP_SYN = 0x02,
  MLG_TCP_RST = 0x04,
  MLG_TCP_PSH = 0x08,
  MLG_TCP_ACK = 0x10,
  MLG_TCP_URG = 0x20,
  MLG_TCP_ECE = 0x40,
  MLG_TCP_CWR = 0x80
};

/* All numbers in host byte order. After another result than MLG_PARSE_OK the fields that were read
 * before it are set (addresses, protocol, family and ip_bytes as soon as the fixed IP header is
 * whole and sane), the others are zero; family tells: MLG_FAMILY_NONE means no address is known. */
struct mlg_packet {
  __u8 source[MLG_ADDRESS_BYTES];      /* IPv4 as ::ffff:a.b.c.d */
  __u8 destination[MLG_ADDRESS_BYTES]; /* the same */
  /* Bytes of the whole IP packet by its length field (IPv4: total length; IPv6: payload length and
   * the fixed header), whatever was captured and whatever Ethernet padded. */
  __u32 ip_bytes;
  /* ip_bytes without the IP headers and without the TCP header, 8 bytes of UDP or (up to) 8 of
   * ICMP. The length field of UDP is not consulted. */
  __u32 payload_bytes;
  /* TCP, UDP: the ports. ICMP and ICMPv6 queries with an identifier (echo, timestamp, information,
   * address mask; request or reply): both are the identifier, so that a reply belongs to its
   * request. Every other ICMP message: both 0. */
  __u16 source_port;
  __u16 destination_port;
  __u16 tcp_window; /* as sent, not scaled; 0 unless TCP */
  __u8 protocol;    /* the transport's number, behind extension headers */
  __u8 tcp_flags;   /* enum mlg_tcp_flag; 0 unless TCP */
  __u8 family;      /* enum mlg_family */
  __u8 padding[3];  /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_packet) == 52, "shared with the kernel programs");

MLG_INLINE __u16 mlg_read_be16(const __u8* at) { return (__u16)((__u32)at[0] << 8 | at[1]); }

MLG_INLINE int mlg_icmp_has_identifier(__u8 protocol, __u8 type) {
  if (protocol == MLG_PROTOCOL_ICMPV6) return type == 128 || type == 129;
  return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

MLG_INLINE enum mlg_parse_result mlg_parse_tcp(const __u8* at, const __u8* end, __u32 left,
                                               struct mlg_packet* packet) {
  const __u32 fixed_bytes = 20;
  if (left < fixed_bytes) return MLG_PARSE_MALFORMED;
  if (at + fixed_bytes > end) return MLG_PARSE_TRUNCATED;
  const __u32 header_bytes = (__u32)(at[12] >> 4) * 4;
  if (header_bytes < fixed_bytes || header_bytes > left) return MLG_PARSE_MALFORMED;
  packet->source_port = mlg_read_be16(at);
  packet->destination_port = mlg_read_be16(at + 2);
  packet->tcp_flags = at[13];
  packet->tcp_window = mlg_read_be16(at + 14);
  packet->payload_bytes = left - header_bytes;
  return MLG_PARSE_OK;
}

MLG_INLINE enum mlg_parse_result mlg_parse_udp(const __u8* at, const __u8* end, __u32 left,
                                               struct mlg_packet* packet) {
  const __u32 header_bytes = 8;
  if (left < header_bytes) return MLG_PARSE_MALFORMED;
  if (at + header_bytes > end) return MLG_PARSE_TRUNCATED;
  packet->source_port = mlg_read_be16(at);
  packet->destination_port = mlg_read_be16(at + 2);
  packet->payload_bytes = left - header_bytes;
  return MLG_PARSE_OK;
}

MLG_INLINE enum mlg_parse_result mlg_parse_icmp(const __u8* at, const __u8* end, __u32 left,
                                                struct mlg_packet* packet) {
  const __u32 fixed_bytes = 4;
  const __u32 query_bytes = 8;
  if (left < fixed_bytes) return MLG_PARSE_MALFORMED;
  if (at + fixed_bytes > end) return MLG_PARSE_TRUNCATED;
  if (mlg_icmp_has_identifier(packet->protocol, at[0])) {
    if (left < query_bytes) return MLG_PARSE_MALFORMED;
    if (at + query_bytes > end) return MLG_PARSE_TRUNCATED;
    packet->source_port = mlg_read_be16(at + 4);
    packet->destination_port = packet->source_port;
  }
  packet->payload_bytes = left > query_bytes ? left - query_bytes : 0;
  return MLG_PARSE_OK;
}

/* `left`: bytes of the IP packet from `at` on, by its length field. */
MLG_INLINE enum mlg_parse_result mlg_parse_transport(const __u8* at, const __u8* end, __u32 left,
                                                     struct mlg_packet* packet) {
  if (packet->protocol == MLG_PROTOCOL_TCP) return mlg_parse_tcp(at, end, left, packet);
  if (packet->protocol == MLG_PROTOCOL_UDP) return mlg_parse_udp(at, end, left, packet);
  const __u8 icmp = packet->family == MLG_FAMILY_IPV6 ? MLG_PROTOCOL_ICMPV6 : MLG_PROTOCOL_ICMP;
  if (packet->protocol == icmp) return mlg_parse_icmp(at, end, left, packet);
  return MLG_PARSE_OTHER_TRANSPORT;
}

MLG_INLINE void mlg_set_ipv4_address(__u8* address, const __u8* bytes) {
  address[10] = 0xff;
  address[11] = 0xff;
  __builtin_memcpy(address + 12, bytes, 4);
}

MLG_INLINE enum mlg_parse_result mlg_parse_ipv4(const __u8* at, const __u8* end,
                                                struct mlg_packet* packet) {
  const __u32 fixed_bytes = 20;
  if (at + fixed_bytes > end) return MLG_PARSE_TRUNCATED;
  const __u32 header_bytes = (__u32)(at[0] & 0x0f) * 4;
  const __u32 ip_bytes = mlg_read_be16(at + 2);
  if (at[0] >> 4 != 4 || header_bytes < fixed_bytes || ip_bytes < header_bytes) {
    return MLG_PARSE_MALFORMED;
  }
  packet->family = MLG_FAMILY_IPV4;
  packet->ip_bytes = ip_bytes;
  packet->protocol = at[9];
  mlg_set_ipv4_address(packet->source, at + 12);
  mlg_set_ipv4_address(packet->destination, at + 16);
  /* More-fragments flag or an offset. */
  if ((mlg_read_be16(at + 6) & 0x3fff) != 0) return MLG_PARSE_FRAGMENT;
  return mlg_parse_transport(at + header_bytes, end, ip_bytes - header_bytes, packet);
}

/* Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6. */
MLG_INLINE int mlg_is_extension(__u8 kind) {
  return kind == 0 || kind == 43 || kind == 44 || kind == 51 || kind == 60 || kind == 135 ||
         kind == 139 || kind == 140;
}

struct mlg_extension_walk {
  const __u8* at;
  __u32 left; /* bytes from `at` on, by the length field */
};

/* Steps over the extension header of kind packet->protocol, which becomes the next one's. */
MLG_INLINE enum mlg_parse_result mlg_step_extension(struct mlg_extension_walk* walk,
                                                    const __u8* end, struct mlg_packet* packet) {
  const __u8 kind = packet->protocol;
  const __u8* at = walk->at;
  if (walk->left < 8) return MLG_PARSE_MALFORMED;
  if (at + 8 > end) return MLG_PARSE_TRUNCATED;
  __u32 bytes = ((__u32)at[1] + 1) * 8;
  if (kind == 51) bytes = ((__u32)at[1] + 2) * 4;
  if (kind == 44) bytes = 8;
  packet->protocol = at[0];
  /* Offset or more-fragments flag; a fragment header with neither is a whole packet (RFC 6946). */
  if (kind == 44 && (mlg_read_be16(at + 2) & 0xfff9) != 0) return MLG_PARSE_FRAGMENT;
  if (bytes > walk->left) return MLG_PARSE_MALFORMED;
  walk->at = at + bytes;
  walk->left -= bytes;
  return MLG_PARSE_OK;
}

MLG_INLINE enum mlg_parse_result mlg_parse_ipv6(const __u8* at, const __u8* end,
                                                struct mlg_packet* packet) {
  const __u32 fixed_bytes = 40;
  if (at + fixed_bytes > end) return MLG_PARSE_TRUNCATED;
  if (at[0] >> 4 != 6) return MLG_PARSE_MALFORMED;
  struct mlg_extension_walk walk = {at + fixed_bytes, mlg_read_be16(at + 4)};
  packet->family = MLG_FAMILY_IPV6;
  packet->ip_bytes = walk.left + fixed_bytes;
  packet->protocol = at[6];
  __builtin_memcpy(packet->source, at + 8, MLG_ADDRESS_BYTES);
  __builtin_memcpy(packet->destination, at + 24, MLG_ADDRESS_BYTES);
  for (int i = 0; i < MLG_EXTENSION_HEADERS_MAX; ++i) {
    if (!mlg_is_extension(packet->protocol)) break;
    const enum mlg_parse_result step = mlg_step_extension(&walk, end, packet);
    if (step != MLG_PARSE_OK) return step;
  }
  if (mlg_is_extension(packet->protocol)) return MLG_PARSE_EXTENSION_DEPTH;
  return mlg_parse_transport(walk.at, end, walk.left, packet);
}

MLG_INLINE void mlg_clear_packet(struct mlg_packet* packet) {
  __builtin_memset(packet, 0, sizeof(*packet));
}

/* From an EtherType and what follows it, VLAN tags included: for links that have no Ethernet header
 * but name the protocol (Linux cooked captures). */
MLG_INLINE enum mlg_parse_result mlg_parse_ether_type(__u16 ether_type, const void* data,
                                                      const void* data_end,
                                                      struct mlg_packet* packet) {
  const __u8* at = (const __u8*)data;
  const __u8* end = (const __u8*)data_end;
  mlg_clear_packet(packet);
  for (int tags = 0; tags <= MLG_VLAN_TAGS_MAX; ++tags) {
    if (ether_type == 0x0800) return mlg_parse_ipv4(at, end, packet);
    if (ether_type == 0x86dd) return mlg_parse_ipv6(at, end, packet);
    if (ether_type != 0x8100 && ether_type != 0x88a8 && ether_type != 0x9100) {
      return MLG_PARSE_NOT_IP;
    }
    if (tags == MLG_VLAN_TAGS_MAX) break;
    if (at + 4 > end) return MLG_PARSE_TRUNCATED;
    ether_type = mlg_read_be16(at + 2);
    at += 4;
  }
  return MLG_PARSE_VLAN_DEPTH;
}

/* From an Ethernet header on. `packet` is overwritten whole. REQUIRES, as the others: `data` is not
 * null, not even for an empty packet. */
MLG_INLINE enum mlg_parse_result mlg_parse_ethernet(const void* data, const void* data_end,
                                                    struct mlg_packet* packet) {
  const __u8* at = (const __u8*)data;
  if (at + 14 > (const __u8*)data_end) {
    mlg_clear_packet(packet);
    return MLG_PARSE_TRUNCATED;
  }
  return mlg_parse_ether_type(mlg_read_be16(at + 12), at + 14, data_end, packet);
}

/* From an IP header on, whichever version it names (any other: malformed). */
MLG_INLINE enum mlg_parse_result mlg_parse_ip(const void* data, const void* data_end,
                                              struct mlg_packet* packet) {
  const __u8* at = (const __u8*)data;
  const __u8* end = (const __u8*)data_end;
  mlg_clear_packet(packet);
  if (at + 1 > end) return MLG_PARSE_TRUNCATED;
  if (at[0] >> 4 == 4) return mlg_parse_ipv4(at, end, packet);
  if (at[0] >> 4 == 6) return mlg_parse_ipv6(at, end, packet);
  return MLG_PARSE_MALFORMED;
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
