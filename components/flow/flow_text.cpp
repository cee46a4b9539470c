#include "flow/flow_text.h"

#include <arpa/inet.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "flow/features.h"

namespace mlguard::flow {
namespace {

// Writes cells one after the other with what belongs between them.
class Line {
 public:
  Line(FlowFormat format, std::string& text) : json_(format == FlowFormat::jsonl), text_(text) {
    if (json_) text_ += '{';
  }

  void word(std::string_view name, std::string_view value) {
    begin(name);
    if (json_) text_ += '"';
    text_ += value;
    if (json_) text_ += '"';
  }
  template <class Number>
  void number(std::string_view name, Number value) {
    begin(name);
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_.append(digits.data(), end);
  }
  void feature(std::string_view name, double value) {
    if (std::isfinite(value)) return number(name, value);
    begin(name);
    if (json_) text_ += "null";
  }
  void end() { text_ += json_ ? "}\n" : "\n"; }

 private:
  void begin(std::string_view name) {
    if (!first_) text_ += ',';
    first_ = false;
    if (!json_) return;
    text_ += '"';
    text_ += name;
    text_ += "\":";
  }

  bool json_;
  bool first_ = true;
  std::string& text_;
};

}  // namespace

std::string address_text(const std::uint8_t* address) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                           0, 0, 0, 0, 0xff, 0xff};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_ipv4 = std::memcmp(address, kMapped.data(), kMapped.size()) == 0;
  inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address + (is_ipv4 ? kMapped.size() : 0), text.data(),
            text.size());
  return text.data();
}

std::string flow_header(FlowFormat format) {
  if (format == FlowFormat::jsonl) return {};
  std::string text;
  for (const std::string_view column : kIdentityColumns) text.append(column) += ',';
  for (const Feature& feature : feature_table()) (text += feature.name) += ',';
  text.back() = '\n';
  return text;
}

void append_flow(const FlowRecord& record, FlowFormat format, std::string& text) {
  Line line(format, text);
  line.word(kIdentityColumns[0], address_text(record.source()));
  line.word(kIdentityColumns[1], address_text(record.destination()));
  line.number(kIdentityColumns[2], record.source_port());
  line.number(kIdentityColumns[3], record.destination_port());
  line.number(kIdentityColumns[4], record.key.protocol);
  line.number(kIdentityColumns[5], record.first_ns());
  line.number(kIdentityColumns[6], record.last_ns());
  line.word(kIdentityColumns[7], to_string(record.reason));
  line.number(kIdentityColumns[8], record.part);
  const FeatureVector values = features_of(record);
  for (std::size_t i = 0; i < kFeatures; ++i) line.feature(feature_table()[i].name, values[i]);
  line.end();
}

}  // namespace mlguard::flow
