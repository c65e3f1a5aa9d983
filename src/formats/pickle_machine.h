#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/pickle.h"

namespace vitro {

/// The stack machine that pickles are programs for, without the decoding of opcodes. Every method
/// throws CorruptFile when the stack does not hold what it needs.
class PickleMachine {
 public:
  /// `name` is what errors call the file; it must outlive the machine.
  explicit PickleMachine(std::string_view name);

  [[noreturn]] void corrupt(std::string_view what) const;

  /// A new node that is not yet on the stack. Throws OutOfMemory above kMaxPickleNodes.
  PickleValue* add(PickleValue::Kind kind);
  PickleValue* push(PickleValue* value);
  PickleValue* push_items(PickleValue::Kind kind, std::vector<const PickleValue*> items);
  void push_none() { push(none_); }
  void push_empty_tuple() { push(empty_tuple_); }

  PickleValue* pop();
  PickleValue* top();
  /// The `count` values on the top, the deepest first.
  std::vector<const PickleValue*> pop_items(size_t count);

  void push_mark() { marks_.push_back(stack_.size()); }
  /// Pops everything down to the last mark, and the mark.
  std::vector<const PickleValue*> pop_mark();
  /// Pops one value, or the last mark when nothing is above it.
  void pop_value_or_mark();

  /// Adds to the container on the top. An object that is given keys and values is a dict of a class
  /// of its own; one that is not modelled swallows what it is given.
  void extend(PickleValue::Kind expected, const std::vector<const PickleValue*>& items);

  void store_memo(uint64_t idx) { memo_[idx] = top(); }
  void store_next_memo() { store_memo(memo_.size()); }
  void push_memo(uint64_t idx);

  void push_global(std::string_view module, std::string_view attribute);
  /// Pushes the node for a call, which is never made. Refuses dangerous callees with Unsupported.
  void call(const PickleValue* callee, const PickleValue* arguments);
  /// Calls items.front() with a tuple of the other items.
  void call_with_items(std::vector<const PickleValue*> items);
  /// Pops the state of the object below it, which keeps it if it is a Call.
  void build();

  /// Pops the result.
  PickleTree finish();

 private:
  std::string_view name_;
  PickleTree tree_;
  PickleValue* none_;         // immutable, so shared
  PickleValue* empty_tuple_;  // immutable, so shared
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // heights of the stack below which nothing is popped
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

}  // namespace vitro
