#include "profctl/options.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace profd::profctl {
namespace {

absl::Status AddTerm(std::string_view term, v1::Selector& selector) {
  const size_t equals = term.find('=');
  const std::string_view key = term.substr(0, equals);
  const std::string value(equals == std::string_view::npos ? "" : term.substr(equals + 1));
  if (value.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "--selector: '{}' is not KEY=VALUE", term);
  }
  if (key == "command") {
    selector.set_command(value);
  } else if (key == "pod") {
    selector.set_pod(value);
  } else if (key == "container") {
    selector.set_container(value);
  } else if (key == "namespace") {
    selector.set_name_space(value);
  } else {
    return Error(absl::StatusCode::kInvalidArgument,
                 "--selector: there is no key '{}': command, pod, container and namespace are", key);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Selector> Options::Selector() const {
  v1::Selector selector;
  selector.set_pid(pid);
  selector.set_ns_pid(ns_pid);
  for (const std::string& text : selectors) {
    std::string_view rest = text;
    while (true) {
      const size_t comma = rest.find(',');
      RETURN_IF_ERROR(AddTerm(rest.substr(0, comma), selector));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return selector;
}

absl::StatusOr<size_t> SortIndex(const Options& options, const std::vector<std::string>& keys) {
  if (options.sort.empty()) return 0;
  const auto found = std::ranges::find(keys, options.sort);
  if (found != keys.end()) return static_cast<size_t>(found - keys.begin());
  return Error(absl::StatusCode::kInvalidArgument, "--sort: cannot sort by '{}': {} can be", options.sort,
               fmt::join(keys, ", "));
}

}  // namespace profd::profctl
