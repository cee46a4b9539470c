// A sniffer's frame as an ml-detector takes it. The first byte chooses: a stranger's frame; a batch
// that is sealed here, so that the decoder behind the seal is reached; damage to a good frame.
#include "pipeline/sealed_batch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_pipeline.h"

using namespace mlguard;

namespace {

void check_decoded(const pipeline::FlowBatch& batch) {
  for (const flow::FlowRecord& record : batch.flows) {
    fuzz::must(pipeline::check_flow(record).ok(), "what was decoded can be true");
  }
  const std::string bytes = pipeline::encode_batch(batch);
  const auto again = pipeline::decode_batch(bytes);
  fuzz::must(again.ok(), "what was decoded encodes to what decodes");
  fuzz::must(pipeline::encode_batch(*again) == bytes, "and stays the same");
}

void check_batch(std::string_view bytes) {
  pipeline::BatchSealer sealer;
  pipeline::BatchOpener opener;
  const auto frame = sealer.seal(fuzz::pipeline_keys(), fuzz::kPipelineNowMs, bytes);
  if (!frame.ok()) return;
  const auto opened = opener.open(fuzz::pipeline_keys(), fuzz::kPipelineNowMs, *frame);
  fuzz::must(std::holds_alternative<pipeline::OpenedBatch>(opened), "what was sealed opens");
  const std::string& content = std::get<pipeline::OpenedBatch>(opened).batch;
  fuzz::must(content == bytes, "it is what was sealed");
  const auto batch = pipeline::decode_batch(content);
  if (batch.ok()) check_decoded(*batch);
}

void check_stranger(std::string_view frame) {
  pipeline::BatchOpener opener;
  const auto opened = opener.open(fuzz::pipeline_keys(), fuzz::kPipelineNowMs, frame);
  fuzz::must(std::holds_alternative<pipeline::Refusal>(opened), "a stranger's frame never opens");
  fuzz::must(opener.senders() == 0, "nor is it remembered");
}

void check_damage(std::string_view input) {
  pipeline::BatchSealer sealer;
  std::string frame = *sealer.seal(fuzz::pipeline_keys(), fuzz::kPipelineNowMs, "a good batch");
  const std::size_t at = fuzz::take_number(input) % frame.size();
  const unsigned flip = fuzz::take_byte(input);
  frame[at] = static_cast<char>(static_cast<unsigned char>(frame[at]) ^ flip);
  frame.append(input);
  if (flip == 0 && input.empty()) return;
  check_stranger(frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_byte(input) % 3) {
    case 0: check_stranger(input); break;
    case 1: check_batch(input); break;
    default: check_damage(input); break;
  }
  return 0;
}
