// What the command line says, for all verbs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

enum class Output { kTable, kWide, kJson };

struct Options {
  std::string address = "unix:///run/profd/profd.sock";
  std::string output = "table";
  std::string color = "auto";
  uint32_t pid = 0;
  uint32_t ns_pid = 0;
  std::vector<std::string> selectors;  ///< `command=web,pod=web-0`
  int limit = -1;                      ///< rows; 0: all; -1: as many as fit
  std::string sort;

  Output format() const { return output == "json" ? Output::kJson : output == "wide" ? Output::kWide : Output::kTable; }
  bool wide() const { return format() == Output::kWide; }
  bool json() const { return format() == Output::kJson; }

  /// InvalidArgument: an unknown key, or one without a value.
  absl::StatusOr<v1::Selector> Selector() const;
};

/// The index of `options.sort` in `keys`, the first when it is empty. InvalidArgument names the keys.
absl::StatusOr<size_t> SortIndex(const Options& options, const std::vector<std::string>& keys);

}  // namespace profd::profctl
