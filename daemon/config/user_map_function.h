// Map functions of programs that are not Go, as the configuration describes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace profd {

/// Functions of one kind in some binaries, x86-64. Registers are by their place among those of arguments: rdi, rsi,
/// rdx, rcx, r8, r9.
struct UserMapFunction {
  static constexpr uint8_t kNoRegister = 15;
  /// In the order of MapFunction::Operation.
  enum class Operation { kRead, kWrite, kDelete, kIterate, kClear };
  /// The numbers are those of profd_map_user_key.
  enum class KeyKind {
    kNone,
    kU32,    ///< the register's low half
    kU64,    ///< the register
    kText,   ///< the register points at it; it ends with a 0
    kBytes,  ///< likewise, and another register has their number
  };
  std::string binary;  ///< glob of the path, as the process sees it
  std::string symbol;  ///< glob of the name, as it was linked
  Operation operation = Operation::kRead;
  uint8_t map = kNoRegister, key = kNoRegister, key_length = kNoRegister;
  KeyKind key_kind = KeyKind::kNone;

  bool operator==(const UserMapFunction&) const = default;
};

/// From "binary=GLOB,symbol=GLOB,operation=read,map=rdi,key=rsi,key_kind=text". InvalidArgument names what is wrong.
absl::StatusOr<UserMapFunction> ParseUserMapFunction(std::string_view text);

}  // namespace profd
