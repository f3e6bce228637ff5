// The one table of what can be set: it feeds flags, YAML keys, help, validation and the report of changes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "config/config.h"

namespace profd {

/// One thing that can be set.
struct Option {
  /// Gives the text in the form that is stored, or nothing if it is not allowed.
  using ParseText = std::optional<std::string> (*)(std::string_view text);

  struct Text {
    std::string Config::*member;
    ParseText parse;
  };
  struct Number {
    uint32_t Config::*member;
    uint32_t min, max;
  };
  struct Percent {
    double Config::*member;
    double min, max;
  };
  struct Switch {
    bool Config::*member;
  };
  struct List {
    std::vector<std::string> Config::*member;
    ParseText parse;
    std::string (*why_not)(std::string_view text) = nullptr;  ///< where there are many reasons
  };

  std::string_view key;    ///< in YAML; with `-` for `_` and `--` in front it is the flag
  std::string_view value;  ///< what the help calls its value; empty for a flag that needs none
  std::string_view help;
  std::string_view expected;  ///< "a whole number from 1 to 1000", for help and errors
  std::variant<Text, Number, Percent, Switch, List> kind;

  std::string Flag() const;
  bool IsList() const { return std::holds_alternative<List>(kind); }
};

std::span<const Option> Options();
const Option* FindOption(std::string_view key);

/// Sets the option from `texts`: all of them for a list, else the last. InvalidArgument says what it may be, and leaves
/// naming the option to the caller, who knows whether it is a flag or a key.
absl::Status SetOption(const Option& option, std::span<const std::string> texts, Config& config);

/// The value as one would write it; a list's members with commas between them, "none" when empty.
std::string ShowOption(const Option& option, const Config& config);

/// The known name that is most like `name`.
std::string Nearest(std::string_view name, std::span<const std::string> known);

}  // namespace profd
