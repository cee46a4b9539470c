// CaptureReader: the packets of a capture file (pcap or pcapng, by libpcap), one after the other.
// It owns the open file. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace mlguard::capture {

struct CapturedPacket {
  const std::uint8_t* bytes = nullptr;  // valid until the next call
  std::size_t size = 0;                 // as captured, perhaps cut
  std::uint64_t time_ns = 0;            // since 1970
};

class CaptureReader {
 public:
  // "-" is standard input. Errors: not_found, io (the file cannot be opened), invalid_argument (it
  // is empty, or neither pcap nor pcapng), unsupported (a link type that link_layer.h does not
  // know).
  static base::Result<std::unique_ptr<CaptureReader>> open(const std::string& path);
  virtual ~CaptureReader() = default;

  // False at the end. Error: corrupt, when the file is cut off in the middle of a packet or
  // damaged: what came before it is good.
  virtual base::Result<bool> next(CapturedPacket& packet) = 0;

  virtual int link_type() const = 0;
  // For a progress bar: where it reads, and the file's size; 0 for what is no regular file.
  virtual std::uint64_t position_bytes() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
};

}  // namespace mlguard::capture
