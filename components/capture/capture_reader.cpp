#include "capture/capture_reader.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/files.h"
#include "capture/link_layer.h"

namespace mlguard::capture {
namespace {

using base::Error;
using base::ErrorCode;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

std::string shown(const std::string& path) { return path == "-" ? "standard input" : path; }

class PcapReader final : public CaptureReader {
 public:
  PcapReader(std::string name, Pcap pcap, std::uint64_t size_bytes)
      : name_(std::move(name)), pcap_(std::move(pcap)), size_bytes_(size_bytes) {}

  base::Result<bool> next(CapturedPacket& packet) override {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int got = pcap_next_ex(pcap_.get(), &header, &bytes);
    if (got == PCAP_ERROR_BREAK) return false;
    if (got != 1) {
      return Error{ErrorCode::corrupt, "capture_damaged",
                   name_ + " is cut off or damaged after packet " + std::to_string(packets_) +
                       " (" + pcap_geterr(pcap_.get()) + ")"};
    }
    ++packets_;
    constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
    packet.bytes = bytes;
    packet.size = header->caplen;
    // With nanosecond precision tv_usec holds nanoseconds. Seconds are 32 bits in a file.
    packet.time_ns = static_cast<std::uint32_t>(header->ts.tv_sec) * kNsPerSecond +
                     static_cast<std::uint32_t>(header->ts.tv_usec);
    return true;
  }

  // libpcap's own numbers are those of files but for these two.
  int link_type() const override {
    if (libpcap_link() == DLT_RAW) return static_cast<int>(Link::raw);
    return libpcap_link() == DLT_LOOP ? static_cast<int>(Link::loop) : libpcap_link();
  }
  int libpcap_link() const { return pcap_datalink(pcap_.get()); }
  std::uint64_t position_bytes() const override {
    const off_t at = size_bytes_ > 0 ? ftello(pcap_file(pcap_.get())) : 0;
    return at > 0 ? static_cast<std::uint64_t>(at) : 0;
  }
  std::uint64_t size_bytes() const override { return size_bytes_; }

 private:
  std::string name_;
  Pcap pcap_;
  std::uint64_t size_bytes_;
  std::uint64_t packets_ = 0;
};

base::Result<File> open_file(const std::string& path) {
  if (path == "-") return File(stdin);
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) return base::errno_error("could not open", path, errno);
  return file;
}

}  // namespace

base::Result<std::unique_ptr<CaptureReader>> CaptureReader::open(const std::string& path) {
  auto file = open_file(path);
  if (!file.ok()) return file.error();
  const std::string name = shown(path);
  struct stat status = {};
  const bool regular = fstat(fileno(file->get()), &status) == 0 && S_ISREG(status.st_mode);
  if (regular && status.st_size == 0) {
    return Error{ErrorCode::invalid_argument, "capture_empty", name + " is empty: no capture"};
  }
  std::array<char, PCAP_ERRBUF_SIZE> problem{};
  Pcap pcap(pcap_fopen_offline_with_tstamp_precision(file->get(), PCAP_TSTAMP_PRECISION_NANO,
                                                     problem.data()));
  if (!pcap) {
    return Error{ErrorCode::invalid_argument, "no_capture",
                 name + " is no pcap or pcapng capture (" + problem.data() + ")"};
  }
  (void)file->release();  // pcap_close closes it.
  auto reader = std::make_unique<PcapReader>(
      name, std::move(pcap), regular ? static_cast<std::uint64_t>(status.st_size) : 0);
  if (!is_known(reader->link_type())) {
    const char* link = pcap_datalink_val_to_description_or_dlt(reader->libpcap_link());
    return Error{ErrorCode::unsupported, "link_type",
                 name + " was taken on a link that is not understood (" + link +
                     "); Ethernet, Linux cooked, raw IP, loopback, PPP and PPI are"};
  }
  return std::unique_ptr<CaptureReader>(std::move(reader));
}

}  // namespace mlguard::capture
