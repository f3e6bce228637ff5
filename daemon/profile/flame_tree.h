// Stacks of a profile merged from the root up: what a flame graph draws.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"
#include "profile/text_stack.h"

namespace profd {

struct FlameNode {
  TextFrame frame;
  uint64_t count = 0;                        ///< ticks of this node and all above it
  std::map<std::string, uint32_t> children;  ///< by name, indices of nodes
};

struct FlameBox {
  uint32_t node = 0;
  uint32_t level = 0;  ///< 0 is the root
  uint64_t first = 0;  ///< ticks left of it
};

struct FlameTree {
  std::vector<FlameNode> nodes;  ///< node 0 is the root, "all"
};

/// Levels beyond this are left out: they would be a picture of nothing but height.
inline constexpr uint32_t kMaxFlameLevels = 1024;

FlameTree BuildFlameTree(const Profile& profile);

/// The boxes of at least `min_count` ticks, level by level and from left to right; children stand sorted by name.
std::vector<FlameBox> LayOut(const FlameTree& tree, uint64_t min_count);

}  // namespace profd
