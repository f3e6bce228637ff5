#include "storage/event_json.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/utf8.h"

namespace profd {
namespace {

using nlohmann::json;

constexpr size_t kMaxText = 16 << 10;  // bytes
constexpr size_t kMaxList = 512;
constexpr size_t kEventIdDigits = 16;
// Times within this and now are less than an int64_t apart.
constexpr int64_t kLastTimeNs = int64_t{1} << 62;
constexpr double kLargest = 1e18;

constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Cuts between characters, not within one.
std::string_view Cut(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > max_bytes - 3 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

json ToHex(std::string_view bytes) {
  std::string digits;
  digits.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    digits += kHexDigits[byte >> 4];
    digits += kHexDigits[byte & 0xF];
  }
  return {{"hex", digits}};
}

std::optional<std::string> FromHex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const size_t high = kHexDigits.find(digits[i]);
    const size_t low = kHexDigits.find(digits[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

json ToJson(std::string_view text, size_t max_bytes = kMaxText) {
  text = Cut(text, max_bytes);
  if (ToUtf8(text) == text) return std::string(text);
  return ToHex(text);
}
json ToJson(WallTime time) { return time.time_since_epoch().count(); }
json ToJson(const CodeFrame& frame) {
  return {{"name", ToJson(frame.name)}, {"file", ToJson(frame.file)}, {"line", frame.line}};
}
// Not the key: whether it may be shown is a setting, and settings change.
json ToJson(const RecursionMap& map) {
  return {{"address", map.address},
          {"type", ToJson(map.type)},
          {"entries", map.entries},
          {"key_hash", map.key_hash},
          {"same_key_hits", map.same_key_hits}};
}
json ToJson(const RecursionStep& step) { return {{"time_ns", ToJson(step.time)}, {"what", ToJson(step.what)}}; }
json ToJson(const ContainerLabels& container) {
  return {{"name", ToJson(container.name)},
          {"id", ToJson(container.id)},
          {"pod", ToJson(container.pod)},
          {"namespace", ToJson(container.name_space)}};
}
json ToJson(uint64_t number) { return number; }
json ToJson(double number) { return std::isfinite(number) ? json(number) : json(); }
template <typename Value>
json ToJson(const std::optional<Value>& value) {
  return value ? ToJson(*value) : json();
}
template <typename Value>
json ToJson(const std::vector<Value>& values) {
  json list = json::array();
  for (size_t i = 0; i < std::min(values.size(), kMaxList); ++i) list.push_back(ToJson(values[i]));
  return list;
}

/// Takes values out of an object, and remembers the first key whose value is not what it must be.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {
    if (!object.is_object()) Refuse("the document");
  }

  const std::string& refused() const { return refused_; }

  void Read(const char* key, bool& value) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_boolean()) return Refuse(key);
    value = found->get<bool>();
  }

  template <std::integral Value>
  void Read(const char* key, Value& value) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (found->is_number_unsigned() && std::in_range<Value>(found->get<uint64_t>())) {
      value = static_cast<Value>(found->get<uint64_t>());
    } else if (found->is_number_integer() && !found->is_number_unsigned() &&
               std::in_range<Value>(found->get<int64_t>())) {
      value = static_cast<Value>(found->get<int64_t>());
    } else {
      Refuse(key);
    }
  }

  void Read(const char* key, double& value) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_number()) return Refuse(key);
    value = std::clamp(found->get<double>(), -kLargest, kLargest);
  }

  void Read(const char* key, std::string& value, size_t max_bytes = kMaxText) {
    const json* found = Find(key);
    if (found == nullptr) return;
    std::optional<std::string> bytes;
    if (found->is_string()) {
      bytes = found->get_ref<const std::string&>();
    } else if (found->is_object() && found->contains("hex") && (*found)["hex"].is_string()) {
      bytes = FromHex((*found)["hex"].get_ref<const std::string&>());
    }
    if (!bytes) return Refuse(key);
    value = Cut(*bytes, max_bytes);
  }

  void Read(const char* key, WallTime& value) {
    int64_t ns = 0;
    Read(key, ns);
    value = WallTime(std::chrono::nanoseconds(std::clamp<int64_t>(ns, 0, kLastTimeNs)));
  }

  template <typename Value>
  void Read(const char* key, std::optional<Value>& value) {
    if (Find(key) != nullptr) Read(key, value.emplace());
  }

  /// `parse` knows the words.
  template <typename Value>
  void ReadWord(const char* key, Value& value, std::optional<Value> (*parse)(std::string_view)) {
    std::string word = ToWord(value);
    Read(key, word);
    const std::optional<Value> parsed = parse(word);
    if (!parsed) return Refuse(key);
    value = *parsed;
  }

  /// `read(reader, value)` reads one object.
  template <typename Value, typename ReadOne>
  void ReadObject(const char* key, Value& value, ReadOne read) {
    const json* found = Find(key);
    if (found != nullptr) ReadInner(key, *found, value, read);
  }

  template <typename Value, typename ReadOne>
  void ReadList(const char* key, std::vector<Value>& values, ReadOne read) {
    const json* found = Find(key);
    if (found == nullptr) return;
    if (!found->is_array()) return Refuse(key);
    values.resize(std::min(found->size(), kMaxList));
    for (size_t i = 0; i < values.size(); ++i) ReadInner(key, (*found)[i], values[i], read);
  }

  void Refuse(std::string_view key) {
    if (refused_.empty()) refused_ = key;
  }

 private:
  const json* Find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  template <typename Value, typename ReadOne>
  void ReadInner(const char* key, const json& object, Value& value, ReadOne read) {
    Reader inner(object);
    read(inner, value);
    if (!inner.refused().empty()) Refuse(key);
  }

  const json& object_;
  std::string refused_;
};

void ReadFrame(Reader& from, CodeFrame& frame) {
  from.Read("name", frame.name);
  from.Read("file", frame.file);
  from.Read("line", frame.line);
}

void ReadMap(Reader& from, std::optional<RecursionMap>& map) {
  map.emplace();
  from.Read("address", map->address);
  from.Read("type", map->type);
  from.Read("entries", map->entries);
  from.Read("key_hash", map->key_hash);
  from.Read("same_key_hits", map->same_key_hits);
}

void ReadStep(Reader& from, RecursionStep& step) {
  from.Read("time_ns", step.time);
  from.Read("what", step.what);
}

void ReadContainer(Reader& from, ContainerLabels& container) {
  from.Read("name", container.name);
  from.Read("id", container.id);
  from.Read("pod", container.pod);
  from.Read("namespace", container.name_space);
}

void ReadProcess(Reader& from, Process& process) {
  from.Read("pid", process.pid);
  from.Read("start_time_ns", process.start_time_ns);
  from.Read("exec_id", process.exec_id);
  from.Read("command", process.command);
  from.ReadObject("container", process.container, ReadContainer);
}

}  // namespace

json EventToJson(const RecursionEvent& event) {
  return {{"id", ToJson(event.id)},
          {"identity", ToJson(event.identity, event.identity.size())},
          {"grade", ToWord(event.grade)},
          {"state", ToWord(event.state)},
          {"pid", event.process.pid},
          {"start_time_ns", event.process.start_time_ns},
          {"exec_id", event.process.exec_id},
          {"command", ToJson(event.process.command)},
          {"container", ToJson(event.process.container)},
          {"tid", event.tid},
          {"goroutine", event.goroutine},
          {"cycle", ToJson(event.cycle)},
          {"entry", ToJson(event.entry)},
          {"root", ToJson(event.root)},
          {"depth", event.depth},
          {"depth_exact", event.depth_exact},
          {"depth_error", ToJson(event.depth_error)},
          {"stack_bytes", event.stack_bytes},
          {"stack_limit_bytes", event.stack_limit_bytes},
          {"limit_reason", ToJson(event.limit_reason)},
          {"growth_bytes_per_second", ToJson(event.growth_bytes_per_second)},
          {"seconds_to_overflow", ToJson(event.seconds_to_overflow)},
          {"first_seen_ns", ToJson(event.first_seen)},
          {"last_seen_ns", ToJson(event.last_seen)},
          {"trigger", ToWord(event.trigger)},
          {"reason", ToJson(event.reason)},
          {"positions_verified", event.positions_verified},
          {"occurrences", event.occurrences},
          {"map", ToJson(event.map)},
          {"advice", ToJson(event.advice)},
          {"history", ToJson(event.history)}};
}

absl::StatusOr<RecursionEvent> EventFromJson(const json& document) {
  RecursionEvent event;
  Reader from(document);
  from.Read("id", event.id);
  if (!IsEventId(event.id)) from.Refuse("id");
  from.Read("identity", event.identity, std::string::npos);
  from.ReadWord("grade", event.grade, ParseGrade);
  from.ReadWord("state", event.state, ParseState);
  ReadProcess(from, event.process);
  from.Read("tid", event.tid);
  from.Read("goroutine", event.goroutine);
  from.ReadList("cycle", event.cycle, ReadFrame);
  from.ReadList("entry", event.entry, ReadFrame);
  from.ReadList("root", event.root, ReadFrame);
  from.Read("depth", event.depth);
  from.Read("depth_exact", event.depth_exact);
  from.Read("depth_error", event.depth_error);
  from.Read("stack_bytes", event.stack_bytes);
  from.Read("stack_limit_bytes", event.stack_limit_bytes);
  from.Read("limit_reason", event.limit_reason);
  from.Read("growth_bytes_per_second", event.growth_bytes_per_second);
  from.Read("seconds_to_overflow", event.seconds_to_overflow);
  from.Read("first_seen_ns", event.first_seen);
  from.Read("last_seen_ns", event.last_seen);
  from.ReadWord("trigger", event.trigger, ParseTrigger);
  from.Read("reason", event.reason);
  from.Read("positions_verified", event.positions_verified);
  from.Read("occurrences", event.occurrences);
  from.ReadObject("map", event.map, ReadMap);
  from.Read("advice", event.advice);
  from.ReadList("history", event.history, ReadStep);
  if (!from.refused().empty()) {
    return Error(absl::StatusCode::kDataLoss, "recursion event: {} is not what it must be", from.refused());
  }
  return event;
}

bool IsEventId(std::string_view id) {
  return id.size() == kEventIdDigits && id.find_first_not_of(kHexDigits) == std::string_view::npos;
}

}  // namespace profd
