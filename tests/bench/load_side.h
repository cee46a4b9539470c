// The two sides of the comparison behind one interface: how a client of etcd's JSON gateway and how
// a client of ours puts the same operations into HTTP requests, and what answers it takes. Above
// this, the load generator does not know which of the two it drives.
//
// Threads: a Side serves all threads once made; a Protocol belongs to one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/load_http.h"
#include "wire/endpoint.h"

namespace mlguard::bench {

enum class Consistency { linearizable, local };

// Made before the run, both ways of writing it, so that neither costs anything during it.
struct Document {
  std::string plain;
  std::string base64;
};
std::string base64_of(std::string_view bytes);
std::vector<Document> make_documents(std::size_t count, std::size_t bytes);

// The name of the key, and of the component, with that number.
std::string key_name(std::size_t number);

// One client's way to talk. Each request is appended whole to `out`; one is under way at a time.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual base::Status put(std::string_view key, const Document& document, std::string& out) = 0;
  virtual base::Status get(std::string_view key, Consistency consistency, std::string& out) = 0;
  // Waits for the next change of the key after those seen.
  virtual base::Status watch(std::string_view key, std::string& out) = 0;
  // Error: unsupported, where there is no such thing.
  virtual base::Status enlist(std::string_view component, std::string& out) = 0;
  virtual base::Status beat(std::string_view component, std::uint64_t seq, std::string& out) = 0;

  // Anything but success is an Error, and so is a read that found nothing.
  virtual base::Status accept(Answer& answer) = 0;
  // A watch's answer goes on and on, or ends with each change and is asked for again.
  virtual bool watch_streams() const = 0;
  // How many changes a watch's answer tells of that were not counted yet.
  virtual base::Result<std::size_t> changes(Answer& answer) = 0;
};

class Side {
 public:
  virtual ~Side() = default;
  // Error: whatever keeps a client from beginning.
  virtual base::Result<std::unique_ptr<Protocol>> open(const wire::Endpoint& endpoint) const = 0;
  virtual base::Result<bool> leads(const wire::Endpoint& endpoint) const = 0;
};

std::unique_ptr<Side> make_etcd_side();
// `credential` is a key file of an operator. Error: it cannot be read.
base::Result<std::unique_ptr<Side>> make_our_side(const std::string& credential);

// For both sides.
base::Error bad_status(const Answer& answer, std::string_view said);
bool is_success(int status);

}  // namespace mlguard::bench
