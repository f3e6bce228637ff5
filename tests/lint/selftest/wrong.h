// Wrong on purpose: the linter's own test. Each mark names the check that must fire there.
#pragma once

#include <string>

namespace profd {

class badly_named {  // EXPECT readability-identifier-naming
 public:
  explicit badly_named(int count) : count(count) {}
  int Count() const { return count; }

 private:
  int count;  // EXPECT readability-identifier-naming
};

inline size_t Length(const std::string text) { return text.size(); }  // EXPECT performance-unnecessary-value-param

}  // namespace profd
