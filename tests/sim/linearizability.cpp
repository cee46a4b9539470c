#include "linearizability.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <unordered_set>

namespace mlguard::sim {
namespace {

constexpr std::size_t kBitsPerWord = 64;
constexpr std::size_t kExplainedOperationsMax = 12;

// A call or a return in the list of events that are not yet explained.
struct Event {
  const Operation* operation = nullptr;
  std::size_t id = 0;         // Of the operation, dense.
  Event* matching = nullptr;  // The return of a call; null for a return.
  Event* previous = nullptr;
  Event* next = nullptr;
  std::int64_t time = 0;
};

// Which operations are placed, and what the register holds then.
struct Visited {
  std::vector<std::uint64_t> placed;
  std::string value;
  bool operator==(const Visited& other) const {
    return placed == other.placed && value == other.value;
  }
};
struct VisitedHash {
  std::size_t operator()(const Visited& visited) const {
    std::size_t hash = std::hash<std::string>{}(visited.value);
    for (const std::uint64_t word : visited.placed) {
      hash ^= std::hash<std::uint64_t>{}(word) + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
    }
    return hash;
  }
};

// Whether the register, holding `value`, could answer so; then it holds `value` as changed.
bool step(const Operation& operation, std::string& value) {
  const bool open = operation.returned == kNeverReturned;
  switch (operation.kind) {
    case OperationKind::read: return open || operation.value == value;
    case OperationKind::write: value = operation.value; return true;
    case OperationKind::compare_and_set:
      const bool matches = value == operation.expected;
      if (!open && matches != operation.succeeded) return false;
      if (matches) value = operation.value;
      return true;
  }
  return false;
}

class Search {
 public:
  explicit Search(const std::vector<const Operation*>& operations) {
    events_.resize(operations.size() * 2);
    std::vector<Event*> order;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      Event& call = events_[2 * i];
      Event& answer = events_[2 * i + 1];
      call = Event{operations[i], i, &answer, nullptr, nullptr, operations[i]->called};
      answer = Event{operations[i], i, nullptr, nullptr, nullptr, operations[i]->returned};
      order.push_back(&call);
      order.push_back(&answer);
    }
    // At one instant calls come first: operations that touch are concurrent.
    std::stable_sort(order.begin(), order.end(), [](const Event* a, const Event* b) {
      if (a->time != b->time) return a->time < b->time;
      return a->matching != nullptr && b->matching == nullptr;
    });
    Event* last = &head_;
    for (Event* event : order) {
      last->next = event;
      event->previous = last;
      last = event;
    }
    placed_.resize(operations.size() / kBitsPerWord + 1);
  }

  Verdict run(std::uint64_t steps_max, std::uint64_t& steps) {
    Event* event = head_.next;
    while (head_.next != nullptr) {
      if (++steps > steps_max) return Verdict::undecided;
      if (event->matching != nullptr) {
        event = try_to_place(event) ? head_.next : event->next;
        continue;
      }
      note_stuck(event);
      if (path_.empty()) return Verdict::violated;
      event = take_back();
    }
    return Verdict::linearizable;
  }

  // The operations that were open where the search got furthest.
  std::string explain() const {
    std::string text = "register held '" + furthest_value_ + "' before:";
    for (const Operation* operation : furthest_) text += "\n    " + operation->label;
    return text;
  }

 private:
  bool try_to_place(Event* call) {
    std::string value = value_;
    if (!step(*call->operation, value)) return false;
    flip(call->id);
    if (!visited_.insert(Visited{placed_, value}).second) {
      flip(call->id);
      return false;
    }
    path_.push_back({call, value_});
    value_ = std::move(value);
    lift(call);
    return true;
  }

  Event* take_back() {
    auto [call, value] = std::move(path_.back());
    path_.pop_back();
    value_ = std::move(value);
    flip(call->id);
    unlift(call);
    return call->next;
  }

  void flip(std::size_t id) { placed_[id / kBitsPerWord] ^= 1ULL << (id % kBitsPerWord); }

  static void lift(Event* call) {
    call->previous->next = call->next;
    if (call->next != nullptr) call->next->previous = call->previous;
    Event* answer = call->matching;
    answer->previous->next = answer->next;
    if (answer->next != nullptr) answer->next->previous = answer->previous;
  }

  static void unlift(Event* call) {
    Event* answer = call->matching;
    answer->previous->next = answer;
    if (answer->next != nullptr) answer->next->previous = answer;
    call->previous->next = call;
    if (call->next != nullptr) call->next->previous = call;
  }

  void note_stuck(const Event* stuck) {
    if (path_.size() < furthest_depth_ ||
        (path_.size() == furthest_depth_ && furthest_depth_ > 0)) {
      return;
    }
    furthest_depth_ = path_.size();
    furthest_value_ = value_;
    furthest_.clear();
    for (const Event* event = head_.next; event != nullptr && event != stuck->next;
         event = event->next) {
      if (event->matching == nullptr && event != stuck) continue;
      if (furthest_.size() < kExplainedOperationsMax) furthest_.push_back(event->operation);
    }
  }

  std::vector<Event> events_;
  Event head_;
  std::vector<std::uint64_t> placed_;
  std::string value_;
  std::vector<std::pair<Event*, std::string>> path_;
  std::unordered_set<Visited, VisitedHash> visited_;
  std::size_t furthest_depth_ = 0;
  std::string furthest_value_;
  std::vector<const Operation*> furthest_;
};

}  // namespace

LinearizabilityReport check_linearizable(const std::vector<Operation>& history,
                                         std::uint64_t steps_max) {
  std::map<std::string, std::vector<const Operation*>> by_key;
  for (const Operation& operation : history) {
    // A read that never returned tells nothing.
    const bool open = operation.returned == kNeverReturned;
    if (open && operation.kind == OperationKind::read) continue;
    by_key[operation.key].push_back(&operation);
  }
  LinearizabilityReport report;
  for (const auto& [key, operations] : by_key) {
    Search search(operations);
    const Verdict verdict = search.run(steps_max, report.steps);
    if (verdict == Verdict::linearizable) continue;
    report.verdict = verdict;
    if (verdict == Verdict::violated) report.explanation = "key " + key + ": " + search.explain();
    return report;
  }
  return report;
}

std::vector<Operation> settle_unanswered(std::vector<Operation> history) {
  // When the first that saw a key's value had its answer.
  std::map<std::pair<std::string, std::string>, std::int64_t> seen;
  const auto saw = [&seen](const Operation& operation, const std::string& value) {
    const auto found = seen.try_emplace({operation.key, value}, operation.returned).first;
    found->second = std::min(found->second, operation.returned);
  };
  for (const Operation& operation : history) {
    if (operation.kind == OperationKind::read) saw(operation, operation.value);
    // One that may not have happened proves nothing: it is settled by whoever saw its own value.
    const bool swapped = operation.kind == OperationKind::compare_and_set && operation.succeeded &&
                         operation.returned != kNeverReturned;
    if (swapped) saw(operation, operation.expected);
  }
  // A swap that was never answered but whose value was seen has itself seen what it expected. From
  // the newest back, so that a chain of them is followed.
  std::sort(history.begin(), history.end(),
            [](const Operation& a, const Operation& b) { return a.called > b.called; });
  std::vector<Operation> settled;
  for (Operation& operation : history) {
    if (operation.kind != OperationKind::read && operation.returned == kNeverReturned) {
      const auto found = seen.find({operation.key, operation.value});
      if (found == seen.end()) continue;
      operation.returned = found->second;
      if (operation.kind == OperationKind::compare_and_set) saw(operation, operation.expected);
    }
    settled.push_back(std::move(operation));
  }
  return settled;
}

}  // namespace mlguard::sim
