// Corpus: the labelled captures of a data folder (../shared/data; its README.md has the protocol):
// labels.tsv, provenance.tsv and the captures, in a folder for each split (train, eval) or in
// pcap-given.tar.xz, which is unpacked once into a cache folder outside the project. Plain values;
// safe from any thread once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "flow/flow_record.h"

namespace mlguard::ml_detector {

// A row of labels.tsv, less its file.
struct LabelRule {
  // Addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d; a prefix of 0 bits is any.
  struct Hosts {
    std::uint8_t address[16] = {};
    unsigned prefix_bits = 0;
  };
  Hosts a;
  Hosts b;
  int protocol = -1;  // -1: any
  int port = -1;      // of either end; -1: any
  std::string class_name;
};

// The class of the first rule that fits the flow, whichever way round; empty when none does.
std::string_view label_of(const std::vector<LabelRule>& rules, const flow::FlowRecord& record);
// Error: corrupt, naming the line.
base::Result<LabelRule> parse_label(const std::vector<std::string>& columns);

inline constexpr std::string_view kTrainSplit = "train";
inline constexpr std::string_view kEvalSplit = "eval";

struct CorpusFile {
  std::string name;  // without folder
  std::string path;
  std::string main_class;  // what provenance.tsv says the capture shows
  std::string repository;
  std::string commit;            // of the repository
  std::string sha256;            // of the capture, as provenance.tsv gives it
  std::vector<LabelRule> rules;  // none: its labels are not believed
};

struct Corpus {
  std::vector<CorpusFile> files;  // by name
  std::string labels_sha256;
  std::string archive_sha256;  // empty: the captures lie in folders
};

// The files of labels.tsv with this split; provenance.tsv may lack them, or be absent.
// Errors: not_found / "data_absent" when there are no labels or no captures; corrupt when a table
// cannot be read; io when the archive cannot be unpacked (by tar).
base::Result<Corpus> open_corpus(const std::string& folder, std::string_view split);

// $XDG_CACHE_HOME/ml-guard/data, else ~/.cache/ml-guard/data.
std::string data_cache_folder();

}  // namespace mlguard::ml_detector
