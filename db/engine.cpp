#include "db/engine.h"

#include <future>

namespace mlguard::db {

base::Result<WriteResult> transact_and_wait(Engine& engine, Write write) {
  // Shared: the writer thread may still be inside set_value when the waiting one goes on.
  const auto promise = std::make_shared<std::promise<base::Result<WriteResult>>>();
  auto answer = promise->get_future();
  engine.transact(std::move(write), [promise](base::Result<WriteResult> result) {
    promise->set_value(std::move(result));
  });
  return answer.get();
}

}  // namespace mlguard::db
