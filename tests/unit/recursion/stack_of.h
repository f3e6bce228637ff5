// Stacks of a test's own making.
#pragma once

#include <string>
#include <vector>

#include "recursion/cycle.h"

namespace profd {

/// Leaf first: what comes last is nearest to the root.
/// `StackOf({"main.leaf"}).Then({"main.Get"}).Repeat(100).Then({"main.main"})`
class StackOf {
 public:
  using Names = std::vector<std::string>;

  explicit StackOf(const Names& names) { Then(names); }

  StackOf& Then(const Names& names) {
    first_ = stack_.frames.size();
    for (const std::string& name : names) {
      stack_.frames.push_back(
          {.code = {.name = name, .file = "/src/demo.go", .line = 10}, .place = "demo+" + name, .named = true});
    }
    return *this;
  }
  /// What was added last stands so often: as a fold.
  StackOf& Repeat(uint64_t times) {
    stack_.folds.push_back({.first = static_cast<uint32_t>(first_),
                            .length = static_cast<uint32_t>(stack_.frames.size() - first_),
                            .repeats = times});
    return *this;
  }
  /// Likewise, as the kernel side tells an irregular recursion.
  StackOf& About(uint64_t times) {
    Repeat(times);
    stack_.folds.back().estimated = true;
    return *this;
  }
  /// What was added last stands so often: frame by frame.
  StackOf& Written(size_t times) {
    const std::vector<ReadFrame> cycle(stack_.frames.begin() + static_cast<ptrdiff_t>(first_), stack_.frames.end());
    for (size_t i = 1; i < times; ++i) stack_.frames.insert(stack_.frames.end(), cycle.begin(), cycle.end());
    return *this;
  }
  StackOf& Truncated() {
    stack_.truncated = true;
    return *this;
  }
  /// Its names are still to come; until then it is known by its places in that binary.
  StackOf& Unnamed(const std::string& binary = "demo") {
    for (ReadFrame& frame : stack_.frames) {
      frame.place = binary + "+" + frame.code.name;
      frame.code = {};
      frame.named = false;
    }
    return *this;
  }

  operator ReadStack() const { return stack_; }

 private:
  ReadStack stack_;
  size_t first_ = 0;  // of what was added last
};

inline std::vector<std::string> NamesOf(const std::vector<CodeFrame>& frames) {
  std::vector<std::string> names;
  for (const CodeFrame& frame : frames) names.push_back(frame.name);
  return names;
}

}  // namespace profd
