// A call stack as people read it: names, root first, the numbers of folds in them. Shared by all renderers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace profd {

struct TextFrame {
  enum class Kind { kUser, kKernel, kUnknown, kMarker, kRecursion, kProcess };
  Kind kind = Kind::kUser;
  std::string name;           ///< printable UTF-8; kernel functions end in `_[k]`, as flame graphs have it
  uint32_t function = kNone;  ///< index in Profile::functions
  int64_t line = 0;           ///< 0 when unknown
};

/// Makes text of one profile's stacks. The profile must outlive it. Not thread safe.
class StackTexts {
 public:
  explicit StackTexts(const Profile& profile);

  /// Root first. A folded cycle stands once, followed (on the leaf side) by `[recursion xN]`, or `[recursion ~xN]` when
  /// estimated. In a profile of several programs the first frame is the program's command.
  std::vector<TextFrame> Of(const Sample& sample) const;

 private:
  const Profile& profile_;
  bool several_commands_ = false;
  std::vector<std::vector<TextFrame>> frames_;  ///< by location, outermost first
};

}  // namespace profd
