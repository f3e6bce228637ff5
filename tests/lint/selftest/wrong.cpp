#include "wrong.h"

#include <memory>
#include <utility>
#include <vector>

namespace profd {

size_t UseAfterMove(std::vector<int> values) {
  std::vector<int> taken = std::move(values);
  return taken.size() + values.size();  // EXPECT bugprone-use-after-move
}

int Unused(int used, int ignored) {  // EXPECT misc-unused-parameters
  return badly_named(used).Count();
}

int NullDereference(bool sure) {
  int* nothing = nullptr;
  if (sure) return *nothing;  // EXPECT clang-analyzer-core.NullDereference
  return 0;
}

}  // namespace profd
