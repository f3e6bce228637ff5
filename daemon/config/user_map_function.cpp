#include "config/user_map_function.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace profd {
namespace {

constexpr std::array<std::string_view, 6> kRegisters{"rdi", "rsi", "rdx", "rcx", "r8", "r9"};
constexpr std::array<std::string_view, 5> kOperations{"read", "write", "delete", "iterate", "clear"};
constexpr std::array<std::string_view, 5> kKeyKinds{"none", "u32", "u64", "text", "bytes"};
constexpr size_t kMostBytes = 4096;

template <size_t N>
std::optional<size_t> PlaceIn(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<size_t>(found - words.begin());
}

absl::Status Wrong(std::string_view what) { return Error(absl::StatusCode::kInvalidArgument, "{}", what); }

absl::Status SetField(std::string_view name, std::string_view value, UserMapFunction& function) {
  if (value.empty() || value.size() > kMostBytes) return Wrong(fmt::format("{} is empty or too long", name));
  if (name == "binary" || name == "symbol") {
    (name == "binary" ? function.binary : function.symbol) = value;
    return absl::OkStatus();
  }
  if (name == "operation") {
    const auto place = PlaceIn(kOperations, value);
    if (!place) return Wrong("operation is not read, write, delete, iterate or clear");
    function.operation = static_cast<UserMapFunction::Operation>(*place);
    return absl::OkStatus();
  }
  if (name == "key_kind") {
    const auto place = PlaceIn(kKeyKinds, value);
    if (!place) return Wrong("key_kind is not none, u32, u64, text or bytes");
    function.key_kind = static_cast<UserMapFunction::KeyKind>(*place);
    return absl::OkStatus();
  }
  if (name != "map" && name != "key" && name != "key_length") {
    return Wrong(fmt::format("'{}' is not binary, symbol, operation, map, key, key_kind or key_length", name));
  }
  const auto place = PlaceIn(kRegisters, value);
  if (!place) return Wrong(fmt::format("{} is not rdi, rsi, rdx, rcx, r8 or r9", name));
  (name == "map" ? function.map : name == "key" ? function.key : function.key_length) = static_cast<uint8_t>(*place);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UserMapFunction> ParseUserMapFunction(std::string_view text) {
  UserMapFunction function;
  std::set<std::string_view> seen;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view field = text.substr(0, comma);
    more = comma != text.npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t equals = field.find('=');
    if (equals == field.npos) return Wrong(fmt::format("'{}' is no name=value", field));
    const std::string_view name = field.substr(0, equals);
    if (!seen.insert(name).second) return Wrong(fmt::format("{} stands twice", name));
    RETURN_IF_ERROR(SetField(name, field.substr(equals + 1), function));
  }
  using Kind = UserMapFunction::KeyKind;
  constexpr uint8_t kNone = UserMapFunction::kNoRegister;
  if (function.binary.empty() || function.symbol.empty()) return Wrong("binary and symbol are needed");
  if (function.map == kNone) return Wrong("map, the register of the map's address, is needed");
  if ((function.key == kNone) != (function.key_kind == Kind::kNone)) return Wrong("key and key_kind go together");
  if ((function.key_length == kNone) == (function.key_kind == Kind::kBytes)) {
    return Wrong("key_length and key_kind=bytes go together");
  }
  return function;
}

}  // namespace profd
