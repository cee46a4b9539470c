#include "bench/load_side.h"

#include "cli/bench.h"

namespace mlguard::bench {

namespace {

constexpr std::size_t kSaidCharsMax = 300;

}  // namespace

std::string base64_of(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8U | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      out += padding ? '=' : kAlphabet[group >> (18 - 6 * j) & 0x3FU];
    }
  }
  return out;
}

std::vector<Document> make_documents(std::size_t count, std::size_t bytes) {
  std::vector<Document> documents;
  documents.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string plain = cli::bench_document(bytes, i + 1);
    std::string base64 = base64_of(plain);
    documents.push_back({std::move(plain), std::move(base64)});
  }
  return documents;
}

// The server takes a component's kind from its name.
std::string key_name(std::size_t number) { return "sniffer-bench-" + std::to_string(number); }

bool is_success(int status) { return status >= 200 && status < 300; }

base::Error bad_status(const Answer& answer, std::string_view said) {
  return {base::ErrorCode::internal, "bad_status",
          "the server answered " + std::to_string(answer.status) + ": " +
              std::string(said.substr(0, kSaidCharsMax))};
}

}  // namespace mlguard::bench
