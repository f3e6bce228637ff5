#include "pipeline/shown_frames.h"

#include <algorithm>
#include <array>

namespace profd {
namespace {

// Where a thread's stack begins: beyond these there is nothing to be missed, whatever their frame pointer says.
constexpr std::array<std::string_view, 11> kRootFunctions = {
    "_start",         "__libc_start_main", "__libc_start_call_main", "start_thread",    "clone3",       "clone",
    "runtime.goexit", "runtime.rt0_go",    "runtime.mstart",         "runtime.mstart0", "runtime.mcall"};

// Without symbol versions and marks of Go's calling conventions.
std::string_view PlainName(const SymbolizedAddress& address) {
  if (address.lines.empty()) return {};
  std::string_view name = address.lines.back().function;
  name = name.substr(0, name.find('@'));
  if (name.ends_with(".abi0")) name.remove_suffix(5);
  return name;
}

}  // namespace

bool IsRoot(const SymbolizedAddress& address) {
  return std::ranges::find(kRootFunctions, PlainName(address)) != kRootFunctions.end();
}

bool IsBelowRoot(const SymbolizedAddress& address) { return PlainName(address) == "runtime.goexit"; }

bool IsHidden(const FrameLine& line) { return line.wrapper || line.function == "runtime.systemstack_switch"; }

}  // namespace profd
