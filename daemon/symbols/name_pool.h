// Names and functions that many addresses share, each kept once as long as somebody uses it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "worker/object_analyzer.h"

namespace profd {

/// A name in the pool: text and how many use it.
using PooledName = std::pair<const std::string, uint32_t>;

struct PooledFunction {
  const PooledName* name = nullptr;
  const PooledName* system_name = nullptr;
  const PooledName* file = nullptr;
  uint32_t start_line = 0;
  bool wrapper = false;

  bool operator==(const PooledFunction&) const = default;
};

/// Not thread safe. References are counted by hand: what Acquire gave goes back by Release.
class NamePool {
 public:
  using Function = std::pair<const PooledFunction, uint32_t>;

  /// Names are cut to 4,096 bytes.
  const Function* Acquire(const FrameLine& line);
  void Release(const Function* function);
  /// About what it takes.
  size_t bytes() const { return bytes_; }

 private:
  struct FunctionHash {
    size_t operator()(const PooledFunction& function) const;
  };

  const PooledName* AcquireName(std::string_view name);
  void ReleaseName(const PooledName* name);

  // Nodes of these maps never move, so their addresses serve as references.
  std::unordered_map<std::string, uint32_t> names_;
  std::unordered_map<PooledFunction, uint32_t, FunctionHash> functions_;
  size_t bytes_ = 0;
};

}  // namespace profd
