#include "symbols/name_pool.h"

#include <algorithm>
#include <limits>

namespace profd {
namespace {

constexpr size_t kMaxNameBytes = 4096;
constexpr size_t kNameOverhead = 72;  // node, string, bucket
constexpr size_t kFunctionOverhead = 72;

}  // namespace

size_t NamePool::FunctionHash::operator()(const PooledFunction& function) const {
  size_t hash = function.start_line;
  for (const PooledName* name : {function.name, function.system_name, function.file}) {
    hash = (hash ^ reinterpret_cast<size_t>(name)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

const PooledName* NamePool::AcquireName(std::string_view name) {
  const auto [entry, added] = names_.try_emplace(std::string(name.substr(0, kMaxNameBytes)), 0);
  if (added) bytes_ += kNameOverhead + entry->first.size();
  ++entry->second;
  return &*entry;
}

void NamePool::ReleaseName(const PooledName* name) {
  const auto entry = names_.find(name->first);
  if (--entry->second > 0) return;
  bytes_ -= kNameOverhead + entry->first.size();
  names_.erase(entry);
}

const NamePool::Function* NamePool::Acquire(const FrameLine& line) {
  const bool sane = line.start_line >= 0 && line.start_line <= std::numeric_limits<uint32_t>::max();
  const PooledFunction key = {AcquireName(line.function), AcquireName(line.system_name), AcquireName(line.file),
                              sane ? static_cast<uint32_t>(line.start_line) : 0, line.wrapper};
  const auto [entry, added] = functions_.try_emplace(key, 0);
  if (added) {
    bytes_ += kFunctionOverhead;
  } else {  // the function holds its names already
    for (const PooledName* name : {key.name, key.system_name, key.file}) ReleaseName(name);
  }
  ++entry->second;
  return &*entry;
}

void NamePool::Release(const Function* function) {
  const auto entry = functions_.find(function->first);
  if (--entry->second > 0) return;
  const PooledFunction key = entry->first;
  functions_.erase(entry);
  bytes_ -= kFunctionOverhead;
  for (const PooledName* name : {key.name, key.system_name, key.file}) ReleaseName(name);
}

}  // namespace profd
