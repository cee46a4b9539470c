#include "wire/envelope.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "wire/compression.h"

namespace mlguard::wire {

namespace {

static_assert(kFieldBlockBytesMax <= 0xffff, "the length of the field block is a u16");

base::Error bad_frame(const std::string& why) {
  return {base::ErrorCode::invalid_argument, "bad_frame",
          "the sealed message is not in the format of docs/wire-format.md: " + why};
}

base::Error body_too_large(std::size_t bytes, std::size_t bytes_max) {
  return {base::ErrorCode::too_large, "the message is " + std::to_string(bytes) +
                                          " bytes long; at most " + std::to_string(bytes_max) +
                                          " are taken here, send less"};
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_field_value(std::string_view value) {
  return value.find('\n') == std::string_view::npos && value.find('\0') == std::string_view::npos;
}

base::Result<std::size_t> field_block_size(const std::vector<Field>& fields) {
  if (fields.size() > kFieldsMax) {
    return base::Error{base::ErrorCode::too_large, "a message has " + std::to_string(kFieldsMax) +
                                                       " sealed fields at the most"};
  }
  std::size_t size = 0;
  for (const Field& field : fields) {
    if (!is_field_name(field.name) || !is_field_value(field.value)) {
      return base::Error{base::ErrorCode::invalid_argument, "invalid_field",
                         "a sealed field is a name of [a-z0-9_-] and a value without line break "
                         "or zero byte; see '" +
                             field.name.substr(0, 40) + "'"};
    }
    size += field.name.size() + field.value.size() + 2;
  }
  if (size > kFieldBlockBytesMax) return body_too_large(size, kFieldBlockBytesMax);
  return size;
}

void append_fields(const std::vector<Field>& fields, std::size_t block_size, std::string& out) {
  out.push_back(static_cast<char>(block_size & 0xff));
  out.push_back(static_cast<char>(block_size >> 8));
  for (const Field& field : fields) {
    out.append(field.name).append(1, ':').append(field.value).append(1, '\n');
  }
}

base::Result<std::vector<Field>> parse_fields(std::string_view block) {
  std::vector<Field> fields;
  while (!block.empty()) {
    const std::size_t line_end = block.find('\n');
    if (line_end == std::string_view::npos) return bad_frame("the last field has no end");
    const std::string_view line = block.substr(0, line_end);
    block.remove_prefix(line_end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_field_name(line.substr(0, colon)) ||
        !is_field_value(line.substr(colon + 1))) {
      return bad_frame("a field is not name:value");
    }
    if (fields.size() == kFieldsMax) return bad_frame("it has too many fields");
    fields.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))});
  }
  return fields;
}

base::Result<std::string> decompress_body(std::string_view compressed, std::size_t original_size) {
  if (!is_possible_compression(compressed.size(), original_size)) {
    return bad_frame("X-Original-Size does not fit the compressed body");
  }
  std::optional<std::string> body = decompress(compressed, original_size);
  if (!body) return bad_frame("the compressed body is damaged, or X-Original-Size is wrong");
  return std::move(*body);
}

}  // namespace

const std::string* Message::field(std::string_view name) const {
  for (const Field& field : fields) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

base::Result<BuiltFrame> build_frame(const Message& message, std::size_t lead, std::size_t tail) {
  if (message.body.size() > kPlainBodyBytesMax) {
    return body_too_large(message.body.size(), kPlainBodyBytesMax);
  }
  const base::Result<std::size_t> block_size = field_block_size(message.fields);
  if (!block_size.ok()) return block_size.error();
  BuiltFrame frame;
  if (!message.fields.empty() || !message.body.empty()) {
    frame.bytes.reserve(lead + kFieldLengthBytes + *block_size + message.body.size() + tail);
    frame.bytes.resize(lead);
    append_fields(message.fields, *block_size, frame.bytes);
    if (append_compressed(message.body, frame.bytes)) {
      frame.original_size = message.body.size();
    } else {
      frame.bytes.append(message.body);
    }
  } else {
    frame.bytes.resize(lead);
  }
  frame.plain_bytes = frame.bytes.size() - lead;
  frame.bytes.resize(frame.bytes.size() + tail);
  return frame;
}

base::Status check_original_size(std::optional<std::size_t> original_size,
                                 std::size_t body_bytes_max) {
  const std::size_t bytes_max = std::min(body_bytes_max, kPlainBodyBytesMax);
  if (original_size.value_or(0) > bytes_max) return body_too_large(*original_size, bytes_max);
  return {};
}

base::Result<Message> parse_frame(std::string plain, std::optional<std::size_t> original_size,
                                  std::size_t body_bytes_max) {
  Message message;
  if (plain.empty()) {
    if (original_size) return bad_frame("an empty message has no X-Original-Size");
    return message;
  }
  if (plain.size() < kFieldLengthBytes) return bad_frame("it ends before its fields");
  const std::size_t block_size = static_cast<std::size_t>(static_cast<unsigned char>(plain[0])) |
                                 static_cast<std::size_t>(static_cast<unsigned char>(plain[1]))
                                     << 8;
  if (block_size > kFieldBlockBytesMax || block_size > plain.size() - kFieldLengthBytes) {
    return bad_frame("its fields are longer than itself, or than allowed");
  }
  base::Result<std::vector<Field>> fields =
      parse_fields(std::string_view(plain).substr(kFieldLengthBytes, block_size));
  if (!fields.ok()) return fields.error();
  message.fields = std::move(*fields);
  const std::size_t body_start = kFieldLengthBytes + block_size;
  if (original_size) {
    base::Result<std::string> body =
        decompress_body(std::string_view(plain).substr(body_start), *original_size);
    if (!body.ok()) return body.error();
    message.body = std::move(*body);
    return message;
  }
  if (plain.size() - body_start > body_bytes_max) {
    return body_too_large(plain.size() - body_start, body_bytes_max);
  }
  plain.erase(0, body_start);
  message.body = std::move(plain);
  if (message.fields.empty() && message.body.empty()) {
    return bad_frame("an empty message has no length in front");
  }
  return message;
}

}  // namespace mlguard::wire
