#include "profile/flame_tree.h"

#include "base/saturating.h"

namespace profd {

FlameTree BuildFlameTree(const Profile& profile) {
  FlameTree tree;
  tree.nodes.push_back({.frame = {.kind = TextFrame::Kind::kProcess, .name = "all"}});
  const StackTexts texts(profile);
  for (const Sample& sample : profile.samples) {
    uint32_t at = 0;
    tree.nodes[at].count = SaturatingAdd(tree.nodes[at].count, sample.count);
    uint32_t level = 0;
    for (TextFrame& frame : texts.Of(sample)) {
      if (++level >= kMaxFlameLevels) break;
      const auto next = static_cast<uint32_t>(tree.nodes.size());
      const auto [child, is_new] = tree.nodes[at].children.try_emplace(frame.name, next);
      at = child->second;
      if (is_new) tree.nodes.push_back({.frame = std::move(frame)});
      tree.nodes[at].count = SaturatingAdd(tree.nodes[at].count, sample.count);
    }
  }
  return tree;
}

std::vector<FlameBox> LayOut(const FlameTree& tree, uint64_t min_count) {
  std::vector<FlameBox> boxes{{}};
  for (size_t i = 0; i < boxes.size(); ++i) {
    const FlameBox box = boxes[i];
    uint64_t first = box.first;
    for (const auto& [name, child] : tree.nodes[box.node].children) {
      const uint64_t count = tree.nodes[child].count;
      if (count >= min_count) boxes.push_back({.node = child, .level = box.level + 1, .first = first});
      first += count;
    }
  }
  return boxes;
}

}  // namespace profd
