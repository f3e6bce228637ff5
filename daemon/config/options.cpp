#include "config/options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "config/user_map_function.h"

namespace profd {
namespace {

using Parsed = std::optional<std::string>;

bool IsPlain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

Parsed Path(std::string_view text) {
  if (!text.starts_with('/') || text.size() > 4095 || !IsPlain(text)) return std::nullopt;
  return std::string(text);
}

/// sockaddr_un has room for 107 bytes and their end.
Parsed SocketPath(std::string_view text) { return text.size() <= 107 ? Path(text) : std::nullopt; }

Parsed GroupName(std::string_view text) {
  if (text.empty() || text.size() > 32 || !IsPlain(text) || text.find_first_of(": ,") != text.npos) return std::nullopt;
  return std::string(text);
}

template <typename T>
bool ParseWhole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Parsed HttpAddress(std::string_view text) {
  if (text.empty() || text == "off") return "";
  const size_t colon = text.rfind(':');
  if (colon == text.npos || !IsPlain(text)) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.%") != host.npos) return std::nullopt;
  } else if (host.find_first_of("[]:/ ") != host.npos) {
    return std::nullopt;
  }
  uint16_t port = 0;
  if (host.empty() || !ParseWhole(text.substr(colon + 1), port)) return std::nullopt;
  return std::string(text);
}

Parsed UserMapFunctionText(std::string_view text) {
  return IsPlain(text) && ParseUserMapFunction(text).ok() ? Parsed(text) : std::nullopt;
}

std::string WhyNoUserMapFunction(std::string_view text) {
  return std::string(ParseUserMapFunction(text).status().message());
}

Parsed Selector(std::string_view text) {
  for (const std::string_view prefix : {"command=", "container=", "namespace="}) {
    if (text.starts_with(prefix) && text.size() > prefix.size() && IsPlain(text)) return std::string(text);
  }
  return std::nullopt;
}

template <const auto& kWords>
Parsed OneOf(std::string_view text) {
  if (std::find(kWords.begin(), kWords.end(), text) == kWords.end()) return std::nullopt;
  return std::string(text);
}
constexpr std::array<std::string_view, 5> kLogLevels{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};

constexpr std::string_view kOnOff = "on or off";
constexpr std::string_view kAbsolute = "an absolute path";

const std::array<Option, 20> kOptions{{
    {"socket", "PATH", "unix socket of the API", "an absolute path of at most 107 bytes",
     Option::Text{&Config::socket, SocketPath}},
    {"socket_group", "NAME", "group that may use the socket", "the name of a group",
     Option::Text{&Config::socket_group, GroupName}},
    {"http", "ADDR:PORT", "where HTTP listens", "ADDR:PORT (port 0 to 65535, IPv6 addresses in brackets) or off",
     Option::Text{&Config::http, HttpAddress}},
    {"http_token_file", "PATH", "token that HTTP asks for; made when absent", kAbsolute,
     Option::Text{&Config::http_token_file, Path}},
    {"data_dir", "DIR", "what profd keeps on disk", kAbsolute, Option::Text{&Config::data_dir, Path}},
    {"sample_hz", "N", "samples a second on each CPU", "a whole number from 1 to 1000",
     Option::Number{&Config::sample_hz, 1, 1000}},
    {"hardware_cycles", "", "sample hardware cycles instead of the CPU clock", kOnOff,
     Option::Switch{&Config::hardware_cycles}},
    {"map_probes", "on|off", "probes in other programs: of map functions and stack growth", kOnOff,
     Option::Switch{&Config::map_probes}},
    {"map_probe_budget", "PERCENT", "share of a process's own CPU time that probes may cost it",
     "a percentage from 0 to 100", Option::Percent{&Config::map_probe_budget, 0, 100}},
    {"map_key_text", "", "show map keys as text, not only as hashes", kOnOff, Option::Switch{&Config::map_key_text}},
    {"map_function", "DESCRIPTION", "map functions of programs that are not Go; may be given several times",
     "binary=GLOB,symbol=GLOB,operation=read,map=rdi,key=rsi,key_kind=text or the like (see README.md)",
     Option::List{&Config::map_function, UserMapFunctionText, WhyNoUserMapFunction}},
    {"recursion_growing_doublings", "N", "doublings of a stack that make its recursion 'growing'",
     "a whole number from 2 to 20", Option::Number{&Config::recursion_growing_doublings, 2, 20}},
    {"recursion_growing_rises", "N", "or looks in a row at which it was deeper each time",
     "a whole number from 3 to 100", Option::Number{&Config::recursion_growing_rises, 3, 100}},
    {"recursion_projected_percent", "PERCENT",
     "share of its limit from which a growing stack is 'projected' to overflow", "a percentage from 5 to 95",
     Option::Percent{&Config::recursion_projected_percent, 5, 95}},
    {"recursion_horizon_seconds", "N", "an overflow farther away than that is not 'projected'",
     "a whole number from 10 to 86400", Option::Number{&Config::recursion_horizon_seconds, 10, 86400}},
    {"suspect_hz", "N", "looks a second on each CPU at processes that recurse", "a whole number from 10 to 1000",
     Option::Number{&Config::suspect_hz, 10, 1000}},
    {"exclude", "SELECTOR", "processes to leave alone; may be given several times, replaces the list of the file",
     "command=X, container=X or namespace=X", Option::List{&Config::exclude, Selector}},
    {"grpc_reflection", "", "let gRPC clients list the service", kOnOff, Option::Switch{&Config::grpc_reflection}},
    {"log_level", "LEVEL", "least level that is logged", "trace, debug, info, warn or error",
     Option::Text{&Config::log_level, OneOf<kLogLevels>}},
    {"log_format", "text|json", "form of log lines", "text or json",
     Option::Text{&Config::log_format, OneOf<kLogFormats>}},
}};

absl::Status NotAllowed(const Option& option, std::string_view text) {
  const auto* list = std::get_if<Option::List>(&option.kind);
  const std::string why = list && list->why_not ? list->why_not(text) : "";
  return Error(absl::StatusCode::kInvalidArgument, "'{}' is not {}{}{}", text, option.expected, why.empty() ? "" : ": ",
               why);
}

std::optional<bool> ParseSwitch(std::string_view text) {
  for (const std::string_view word : {"on", "true", "yes"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"off", "false", "no"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

/// Stores one text in the member of its kind; false if it is not allowed.
struct Setter {
  std::string_view text;
  Config& config;

  bool operator()(const Option::Text& kind) const {
    Parsed parsed = kind.parse(text);
    if (!parsed) return false;
    config.*kind.member = *std::move(parsed);
    return true;
  }
  bool operator()(const Option::Number& kind) const { return InRange(kind); }
  bool operator()(const Option::Percent& kind) const { return InRange(kind); }
  bool operator()(const Option::Switch& kind) const {
    const std::optional<bool> parsed = ParseSwitch(text);
    if (parsed) config.*kind.member = *parsed;
    return parsed.has_value();
  }
  bool operator()(const Option::List& kind) const {
    Parsed parsed = kind.parse(text);
    if (!parsed) return false;
    (config.*kind.member).push_back(*std::move(parsed));
    return true;
  }

 private:
  template <typename Kind>
  bool InRange(const Kind& kind) const {
    auto value = kind.min;
    // Written so that what compares with nothing (nan) is out of range.
    if (!ParseWhole(text, value) || !(value >= kind.min && value <= kind.max)) return false;
    config.*kind.member = value;
    return true;
  }
};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// Typed names are wrong by letters, or end too early.
size_t Unlikeness(std::string_view typed, std::string_view known) {
  return std::min(EditDistance(typed, known), EditDistance(typed, known.substr(0, typed.size())) + 1);
}

}  // namespace

std::string Option::Flag() const {
  std::string flag = fmt::format("--{}", key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::span<const Option> Options() { return kOptions; }

const Option* FindOption(std::string_view key) {
  const auto found = std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& o) { return o.key == key; });
  return found == kOptions.end() ? nullptr : &*found;
}

absl::Status SetOption(const Option& option, std::span<const std::string> texts, Config& config) {
  if (const auto* list = std::get_if<Option::List>(&option.kind)) (config.*list->member).clear();
  const size_t first = option.IsList() || texts.empty() ? 0 : texts.size() - 1;
  for (const std::string& text : texts.subspan(first)) {
    if (!std::visit(Setter{text, config}, option.kind)) return NotAllowed(option, text);
  }
  return absl::OkStatus();
}

std::string ShowOption(const Option& option, const Config& config) {
  struct {
    const Config& config;
    std::string operator()(const Option::Text& kind) const { return config.*kind.member; }
    std::string operator()(const Option::Number& kind) const { return fmt::format("{}", config.*kind.member); }
    std::string operator()(const Option::Percent& kind) const { return fmt::format("{}", config.*kind.member); }
    std::string operator()(const Option::Switch& kind) const { return config.*kind.member ? "on" : "off"; }
    std::string operator()(const Option::List& kind) const {
      const std::vector<std::string>& list = config.*kind.member;
      return list.empty() ? "none" : fmt::format("{}", fmt::join(list, ","));
    }
  } show{config};
  return std::visit(show, option.kind);
}

std::string Nearest(std::string_view name, std::span<const std::string> known) {
  return *std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return Unlikeness(name, a) < Unlikeness(name, b);
  });
}

}  // namespace profd
