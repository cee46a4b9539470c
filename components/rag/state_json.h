// The answers of the API that rag reads, as the plain data of state_source.h. What both sides of
// the wire share is decoded by wire/messages.h; here is the rest. Stateless; safe from any thread.
// Errors: corrupt / "bad_answer" for what is no such answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rag/state_source.h"

namespace mlguard::rag {

base::Result<StateHead> decode_head(std::string_view json);  // GET /status
base::Result<std::vector<StoredDetection>> decode_detections(std::string_view json);
base::Result<std::vector<base::AuditRecord>> decode_audit(std::string_view json);
base::Result<std::vector<std::string>> decode_component_names(std::string_view json);
base::Result<ComponentState> decode_component(std::string_view json);  // GET /components/NAME
// {"components":[…]} of such.
base::Result<std::vector<ComponentState>> decode_components(std::string_view json);

}  // namespace mlguard::rag
