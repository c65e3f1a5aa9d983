#include "formats/pickle_machine.h"

#include <algorithm>
#include <array>

#include "core/check.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

/// Modules of which no checkpoint has a reason to call anything.
constexpr std::array<std::string_view, 18> kDangerousModules = {
    "os",     "posix",  "nt",        "subprocess", "sys",        "pty",
    "shutil", "socket", "importlib", "runpy",      "webbrowser", "ctypes",
    "pdb",    "timeit", "pip",       "pickle",     "_pickle",    "torch.hub"};

/// Builtins that run, load or open something; the others (set, complex, slice, ...) are plain data.
constexpr std::array<std::string_view, 8> kDangerousBuiltins = {
    "eval", "exec", "execfile", "compile", "open", "input", "__import__", "breakpoint"};

/// Longest "module.name"; memoized names could otherwise multiply into any amount of memory.
constexpr size_t kMaxGlobalName = 1024;

template <size_t kSize>
bool contains(const std::array<std::string_view, kSize>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool is_dangerous(std::string_view global) {
  for (std::string_view module : {"builtins.", "__builtin__."}) {
    if (global.starts_with(module))
      return contains(kDangerousBuiltins, global.substr(module.size()));
  }
  // Every prefix that ends at a dot: "os" and "os.path" of "os.path.join".
  for (size_t dot = global.find('.'); dot != std::string_view::npos;
       dot = global.find('.', dot + 1)) {
    if (contains(kDangerousModules, global.substr(0, dot))) return true;
  }
  return false;
}

/// PyTorch before 1.6 wrote ("module", class, file, source) in the place of a class.
const PickleValue* class_of(const PickleValue* callee) {
  if (!callee->is(Kind::Persistent) || !callee->items[0]->is(Kind::Tuple)) return callee;
  const auto& id = callee->items[0]->items;
  return id.size() >= 2 && id[0]->text == "module" ? id[1] : callee;
}

}  // namespace

PickleMachine::PickleMachine(std::string_view name)
    : name_(name), none_(add(Kind::None)), empty_tuple_(add(Kind::Tuple)) {}

void PickleMachine::corrupt(std::string_view what) const {
  fail(ErrorCode::CorruptFile, "pickle '{}': {}", name_, what);
}

PickleValue* PickleMachine::add(Kind kind) {
  check(tree_.nodes.size() < kMaxPickleNodes, ErrorCode::OutOfMemory,
        "pickle '{}' has more than {} values", name_, kMaxPickleNodes);
  PickleValue& value = tree_.nodes.emplace_back();
  value.kind = kind;
  return &value;
}

PickleValue* PickleMachine::push(PickleValue* value) {
  stack_.push_back(value);
  return value;
}

PickleValue* PickleMachine::push_items(Kind kind, std::vector<const PickleValue*> items) {
  PickleValue* value = push(add(kind));
  value->items = std::move(items);
  return value;
}

PickleValue* PickleMachine::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

PickleValue* PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) corrupt("the stack is empty");
  return stack_.back();
}

std::vector<const PickleValue*> PickleMachine::pop_items(size_t count) {
  std::vector<const PickleValue*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

std::vector<const PickleValue*> PickleMachine::pop_mark() {
  if (marks_.empty()) corrupt("there is no mark");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<const PickleValue*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::pop_value_or_mark() {
  if (!marks_.empty() && marks_.back() == stack_.size()) {
    marks_.pop_back();
  } else {
    pop();
  }
}

void PickleMachine::extend(Kind expected, const std::vector<const PickleValue*>& items) {
  PickleValue* target = top();
  if (target->is(Kind::Call) && expected == Kind::Dict) {
    target->kind = Kind::Dict;
    target->items.clear();
  }
  if (target->is(Kind::Call) || target->is(Kind::Opaque)) return;
  if (!target->is(expected)) corrupt("items for something that holds none");
  if (expected == Kind::Dict && items.size() % 2 != 0) corrupt("a key without a value");
  target->items.insert(target->items.end(), items.begin(), items.end());
}

void PickleMachine::push_memo(uint64_t idx) {
  const auto found = memo_.find(idx);
  if (found == memo_.end()) corrupt("a reference to a value that was not stored");
  push(found->second);
}

void PickleMachine::push_global(std::string_view module, std::string_view attribute) {
  if (module.size() + attribute.size() > kMaxGlobalName) corrupt("a global with a huge name");
  push(add(Kind::Global))->text = fmt::format("{}.{}", module, attribute);
}

void PickleMachine::call(const PickleValue* callee, const PickleValue* arguments) {
  if (!arguments->is(Kind::Tuple)) corrupt("a call without a tuple of arguments");
  callee = class_of(callee);
  if (!callee->is(Kind::Global)) {
    push(add(Kind::Opaque));
    return;
  }
  check(
      !is_dangerous(callee->text), ErrorCode::Unsupported,
      "'{}': refuses to run '{:.80}': the pickle wants to execute code, which no checkpoint needs",
      name_, callee->text);
  if (callee->text == "collections.OrderedDict" || callee->text == "collections.defaultdict") {
    push(add(Kind::Dict));
    return;
  }
  // The tuple is shared, not copied: one memoized tuple may be the argument of many calls.
  push_items(Kind::Call, {arguments})->text = callee->text;
}

void PickleMachine::call_with_items(std::vector<const PickleValue*> items) {
  if (items.empty()) corrupt("an object without a class");
  const PickleValue* callee = items.front();
  items.erase(items.begin());
  PickleValue* arguments = add(Kind::Tuple);
  arguments->items = std::move(items);
  call(callee, arguments);
}

void PickleMachine::build() {
  const PickleValue* state = pop();
  PickleValue* object = top();
  if (object->is(Kind::Call)) {
    object->items.resize(1);
    object->items.push_back(state);
  }
}

PickleTree PickleMachine::finish() {
  if (!marks_.empty()) corrupt("it ends inside of a container");
  tree_.root = pop();
  return std::move(tree_);
}

}  // namespace vitro
