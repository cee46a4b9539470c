#include "sniffer/flow_writer.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/files.h"

namespace mlguard::sniffer {
namespace {

constexpr std::size_t kWriteBytes = 1 << 18;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

flow::FlowFormat flow_format(const std::string& asked, const std::string& path) {
  const bool json =
      asked.empty() ? ends_with(path, ".jsonl") || ends_with(path, ".json") : asked == "jsonl";
  return json ? flow::FlowFormat::jsonl : flow::FlowFormat::csv;
}

FlowWriter::FlowWriter(std::string path, flow::FlowFormat format)
    : format_(format), path_(std::move(path)) {}

FlowWriter::~FlowWriter() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

base::Result<std::unique_ptr<FlowWriter>> FlowWriter::open(const std::string& path,
                                                           flow::FlowFormat format) {
  auto writer = std::unique_ptr<FlowWriter>(new FlowWriter(path, format));
  if (path.empty()) return writer;
  writer->file_ = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (writer->file_ == nullptr) return base::errno_error("could not open", path, errno);
  writer->text_ = flow::flow_header(format);
  return writer;
}

void FlowWriter::add(const flow::FlowRecord& record) {
  if (file_ == nullptr || !status_.ok()) return;
  flow::append_flow(record, format_, text_);
  if (text_.size() >= kWriteBytes) flush();
}

base::Status FlowWriter::finish() {
  if (file_ != nullptr && status_.ok()) flush();
  if (file_ != nullptr && status_.ok() && std::fflush(file_) != 0) fail();
  return status_;
}

void FlowWriter::flush() {
  if (std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size()) fail();
  text_.clear();
}

void FlowWriter::fail() { status_ = base::errno_error("could not write", path_, errno); }

}  // namespace mlguard::sniffer
