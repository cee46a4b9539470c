// ml-guard-lab-traffic: what the machines of the lab (lab.sh) do on its networks: a server that is
// attacked, a client that means no harm, and the attacks. Only for the lab: it goes to private
// addresses (RFC 1918) and nowhere else.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace mlguard::lab {
namespace {

using base::UniqueFd;
using std::chrono::milliseconds;

constexpr int kHttp = 80;
constexpr int kSsh = 22;
constexpr int kSmb = 445;
constexpr int kWaitMs = 1'000;

struct Flags {
  std::string target;
  std::string from;   // empty: the address that the kernel takes
  double rate = 200;  // a second
  int count = 1'000;
  int port = kHttp;
  double seconds = 10;
};

bool is_private(std::uint32_t address) {
  return (address >> 24U) == 10 || (address >> 20U) == 0xac1 || (address >> 16U) == 0xc0a8;
}

in_addr parse_target(const std::string& text) {
  in_addr address = {};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1 || !is_private(ntohl(address.s_addr))) {
    throw CLI::ValidationError("not a private IPv4 address, as those of the lab are: " + text);
  }
  return address;
}

sockaddr_in place(in_addr address, int port) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr = address;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  return to;
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Of this process; any, unless --from says which.
in_addr& source_address() {
  static in_addr source = {INADDR_ANY};
  return source;
}

// Begins a connection and does not wait for it.
UniqueFd begin_connection(in_addr address, int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in from = place(source_address(), 0);
  static_cast<void>(bind(fd.get(), generic(from), sizeof from));
  const sockaddr_in to = place(address, port);
  static_cast<void>(connect(fd.get(), generic(to), sizeof to));
  return fd;
}

bool wait_for(const UniqueFd& fd, short events) {
  pollfd wanted = {fd.get(), events, 0};
  return poll(&wanted, 1, kWaitMs) == 1 && (wanted.revents & (POLLERR | POLLHUP)) == 0;
}

// One conversation: say something, hear something. False when nobody answered.
bool talk(in_addr address, int port, const std::string& words) {
  const UniqueFd fd = begin_connection(address, port);
  if (!wait_for(fd, POLLOUT)) return false;
  if (send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL) < 0) return false;
  std::array<char, 4'096> heard{};
  return wait_for(fd, POLLIN) && recv(fd.get(), heard.data(), heard.size(), 0) > 0;
}

// Set by SIGTERM: what has been done until then is told, and the program ends.
volatile std::sig_atomic_t stopping = 0;

void stop_on_sigterm() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
}

void pace(double per_second, int done, std::chrono::steady_clock::time_point began) {
  const auto due = began + std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::duration<double>(done / per_second));
  std::this_thread::sleep_until(due);
}

// Tries at the wanted rate, and says how often somebody answered: an attack that is blocked hears
// nothing. Returns how many heard nothing.
int repeat(const char* what, const Flags& flags, const std::function<bool(int)>& attempt) {
  const auto began = std::chrono::steady_clock::now();
  int tried = 0;
  int answered = 0;
  while (tried < flags.count && stopping == 0) {
    answered += attempt(tried) ? 1 : 0;
    tried += 1;
    pace(flags.rate, tried, began);
  }
  std::printf("%s: %d attempts, %d answered\n", what, tried, answered);
  return tried - answered;
}

// A connection that is not waited for longer than a network of one machine takes.
bool knock(in_addr address, int port) {
  const UniqueFd fd = begin_connection(address, port);
  pollfd wanted = {fd.get(), POLLOUT, 0};
  return poll(&wanted, 1, 2) == 1;
}

// ---- the server that is attacked

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in here = place({INADDR_ANY}, port);
  if (bind(fd, generic(here), sizeof here) != 0 || listen(fd, SOMAXCONN) != 0) {
    std::fprintf(stderr, "cannot listen on port %d: %s\n", port, std::strerror(errno));
    std::exit(1);
  }
  return fd;
}

// A log-in that refuses everybody, and a page.
void answer_http(int fd) {
  std::array<char, 4'096> asked{};
  const ssize_t size = recv(fd, asked.data(), asked.size(), 0);
  if (size <= 0) return;
  const bool logs_in = std::strncmp(asked.data(), "POST", 4) == 0;
  const std::string body(logs_in ? 60 : 20'000, 'x');
  const std::string reply =
      std::string("HTTP/1.1 ") + (logs_in ? "401 Unauthorized" : "200 OK") +
      "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  static_cast<void>(send(fd, reply.data(), reply.size(), MSG_NOSIGNAL));
}

void answer_ssh(int fd) {
  const std::string banner = "SSH-2.0-lab\r\n";
  static_cast<void>(send(fd, banner.data(), banner.size(), MSG_NOSIGNAL));
  std::array<char, 4'096> asked{};
  static_cast<void>(recv(fd, asked.data(), asked.size(), 0));
}

void serve_port(int port, const std::function<void(int)>& answer) {
  const int listener = listen_on(port);
  while (true) {
    const UniqueFd client(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) continue;
    const timeval patience = {1, 0};
    setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    answer(client.get());
  }
}

int serve(const std::vector<int>& ports) {
  std::vector<std::thread> servers;
  servers.reserve(ports.size());
  for (const int port : ports) {
    servers.emplace_back([port] { serve_port(port, port == kHttp ? answer_http : answer_ssh); });
  }
  for (std::thread& server : servers) server.join();
  return 0;
}

// ---- who listens

// Every packet of every interface here, its bytes one after the other: to be searched for what must
// not travel in the open. Until SIGTERM.
int record(const std::string& path) {
  constexpr int kBufferBytes = 64 << 20;
  const UniqueFd packets(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (!packets.valid() || file == nullptr) {
    std::fprintf(stderr, "cannot record into %s: %s\n", path.c_str(), std::strerror(errno));
    return 1;
  }
  setsockopt(packets.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  std::vector<char> packet(1 << 16);
  while (stopping == 0) {
    // SIGTERM ends it: no restart of system calls is asked for.
    const ssize_t size = recv(packets.get(), packet.data(), packet.size(), 0);
    if (size > 0) std::fwrite(packet.data(), 1, static_cast<std::size_t>(size), file);
  }
  std::fclose(file);
  tpacket_stats heard = {};
  socklen_t size = sizeof heard;
  getsockopt(packets.get(), SOL_PACKET, PACKET_STATISTICS, &heard, &size);
  std::printf("record: %u packets, %u lost\n", heard.tp_packets, heard.tp_drops);
  return 0;
}

// ---- who talks to it

int browse(const Flags& flags) {
  const in_addr target = parse_target(flags.target);
  const int unanswered = repeat("browse", flags, [&](int) {
    return talk(target, kHttp, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  });
  return unanswered == 0 ? 0 : 1;
}

int scan(const Flags& flags) {
  const in_addr target = parse_target(flags.target);
  repeat("port-scan", flags, [&](int i) { return knock(target, i + 1); });
  return 0;
}

// Of the target's /24, as worms look for file shares.
int sweep(const Flags& flags) {
  constexpr std::uint32_t kNetMask = 0xffffff00U;
  constexpr int kHosts = 254;
  const std::uint32_t net = ntohl(parse_target(flags.target).s_addr) & kNetMask;
  repeat("smb-sweep", flags, [&](int i) {
    return knock({htonl(net + static_cast<std::uint32_t>(i % kHosts + 1))}, kSmb);
  });
  return 0;
}

int brute_force(const Flags& flags) {
  const in_addr target = parse_target(flags.target);
  repeat("brute-force", flags,
         [&](int i) { return talk(target, kSsh, "SSH-2.0-hydra\r\nroot " + std::to_string(i)); });
  return 0;
}

int beacon(const Flags& flags) {
  const in_addr target = parse_target(flags.target);
  repeat("beacon", flags,
         [&](int) { return talk(target, kHttp, "POST /gate HTTP/1.1\r\nHost: c2\r\n\r\nid=7"); });
  return 0;
}

// ---- SYN flood: raw segments from this machine's own address

struct PseudoHeader {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint8_t zero;
  std::uint8_t protocol;
  std::uint16_t length;
};

std::uint16_t checksum(const void* data, std::size_t size, std::uint32_t sum) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] << 8U | bytes[i + 1]);
  }
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return htons(static_cast<std::uint16_t>(~sum));
}

in_addr own_address(in_addr target) {
  if (source_address().s_addr != INADDR_ANY) return source_address();
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = place(target, kHttp);
  sockaddr_in here = {};
  socklen_t size = sizeof here;
  static_cast<void>(connect(fd.get(), generic(to), sizeof to));
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size);
  return here.sin_addr;
}

int flood(const Flags& flags) {
  const in_addr target = parse_target(flags.target);
  const UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!raw.valid()) {
    std::fprintf(stderr, "syn-flood needs root: %s\n", std::strerror(errno));
    return 1;
  }
  const in_addr source = own_address(target);
  const sockaddr_in from = place(source, 0);
  static_cast<void>(bind(raw.get(), generic(from), sizeof from));
  const PseudoHeader pseudo = {source.s_addr, target.s_addr, 0, IPPROTO_TCP, htons(sizeof(tcphdr))};
  const std::uint32_t begun =
      static_cast<std::uint16_t>(~ntohs(checksum(&pseudo, sizeof pseudo, 0)));
  const auto began = std::chrono::steady_clock::now();
  const int total = static_cast<int>(flags.rate * flags.seconds);
  for (int i = 0; i < total; ++i) {
    tcphdr segment = {};
    segment.source = htons(static_cast<std::uint16_t>(1'024 + i % 60'000));
    segment.dest = htons(static_cast<std::uint16_t>(flags.port));
    segment.seq = htonl(static_cast<std::uint32_t>(i));
    segment.doff = sizeof segment / 4;
    segment.syn = 1;
    segment.window = htons(1'024);
    segment.check = checksum(&segment, sizeof segment, begun);
    const sockaddr_in to = place(target, flags.port);
    static_cast<void>(sendto(raw.get(), &segment, sizeof segment, 0, generic(to), sizeof to));
    if (i % 64 == 0) pace(flags.rate, i, began);
  }
  std::printf("syn-flood: %d segments sent\n", total);
  return 0;
}

void add(CLI::App& app, Flags& flags, const char* name, const char* what, double rate, int count) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("TARGET", flags.target, "A private IPv4 address")->required();
  command->add_option("--from", flags.from, "An address of this machine");
  command->add_option("--rate", flags.rate, "A second (default: " + std::to_string(rate) + ")")
      ->check(CLI::Range(0.1, 1e6));
  command->add_option("--count", flags.count, "How many")->check(CLI::Range(1, 10'000'000));
  command->add_option("--port", flags.port, "Of the flood")->check(CLI::Range(1, 65'535));
  command->add_option("--seconds", flags.seconds, "Of the flood")->check(CLI::Range(0.1, 3'600.0));
  command->preparse_callback([&flags, rate, count](std::size_t) {
    flags.rate = rate;
    flags.count = count;
  });
}

int run(int argc, char** argv) {
  CLI::App app("ml-guard-lab-traffic: a server, a client and attacks, for the lab.");
  app.require_subcommand(1);
  Flags flags;
  std::string file;
  std::vector<int> ports = {kHttp, kSsh, kSmb};
  app.add_subcommand("serve", "a web page, log-ins and file shares, until it is stopped")
      ->add_option("--ports", ports, "Some of them")
      ->delimiter(',')
      ->check(CLI::IsMember({kHttp, kSsh, kSmb}));
  app.add_subcommand("record", "the bytes of all packets here, until it is stopped")
      ->add_option("FILE", file, "Where to")
      ->required();
  add(app, flags, "browse", "fetch pages, as people do; exit code 1 when one is not answered", 2,
      20);
  add(app, flags, "port-scan", "one port after the other", 200, 1'000);
  add(app, flags, "smb-sweep", "port 445 of the target's /24", 50, 254);
  add(app, flags, "brute-force", "log-ins on port 22", 10, 100);
  add(app, flags, "beacon", "the same small request, over and over", 1, 60);
  add(app, flags, "syn-flood", "segments that open nothing", 5'000, 1);
  try {
    app.parse(argc, argv);
    const std::string name = app.get_subcommands().front()->get_name();
    if (!flags.from.empty()) source_address() = parse_target(flags.from);
    if (name == "serve") return serve(ports);
    stop_on_sigterm();
    if (name == "record") return record(file);
    if (name == "browse") return browse(flags);
    if (name == "port-scan") return scan(flags);
    if (name == "smb-sweep") return sweep(flags);
    if (name == "brute-force") return brute_force(flags);
    if (name == "beacon") return beacon(flags);
    return flood(flags);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
}

}  // namespace
}  // namespace mlguard::lab

int main(int argc, char** argv) { return mlguard::lab::run(argc, argv); }
