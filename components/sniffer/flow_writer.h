// FlowWriter: flow records as text into a file or onto standard output. The first error is kept,
// and nothing is written after it. One thread at a time.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/result.h"
#include "flow/flow_text.h"

namespace mlguard::sniffer {

// `asked`: "csv", "jsonl", or empty: by the ending of the file's name, else CSV.
flow::FlowFormat flow_format(const std::string& asked, const std::string& path);

class FlowWriter {
 public:
  // "-": standard output; empty: nothing is written. Error: io.
  static base::Result<std::unique_ptr<FlowWriter>> open(const std::string& path,
                                                        flow::FlowFormat format);
  ~FlowWriter();
  FlowWriter(const FlowWriter&) = delete;
  FlowWriter& operator=(const FlowWriter&) = delete;

  void add(const flow::FlowRecord& record);
  // Writes what is left so far.
  base::Status finish();
  bool failed() const { return !status_.ok(); }

 private:
  FlowWriter(std::string path, flow::FlowFormat format);
  void flush();
  void fail();

  flow::FlowFormat format_;
  std::string path_;
  std::FILE* file_ = nullptr;
  std::string text_;
  base::Status status_;
};

}  // namespace mlguard::sniffer
