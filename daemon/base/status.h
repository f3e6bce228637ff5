// Errors: absl::Status everywhere, with fmt for messages. Debian 12's abseil has a string_view of its own; the
// conversions between it and std::string_view live here and nowhere else.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace profd {

/// An error with a formatted message: what was attempted, on what, why it failed and what to do.
template <typename... Args>
absl::Status Error(absl::StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return absl::Status(code, fmt::format(format, std::forward<Args>(args)...));
}

/// The message alone, without the code's name in front.
inline std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

/// The same error with `context: ` in front of its message.
inline absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("{}: {}", context, Message(status)));
}

/// What an errno value means. `error` may be negative, as libbpf returns it.
inline std::string ErrnoText(int error) { return std::strerror(error < 0 ? -error : error); }

}  // namespace profd

#define PROFD_CONCAT_INNER(a, b) a##b
#define PROFD_CONCAT(a, b) PROFD_CONCAT_INNER(a, b)

/// Returns from the enclosing function if `expression` is an error.
#define RETURN_IF_ERROR(expression)                                                        \
  do {                                                                                     \
    if (absl::Status profd_status = (expression); !profd_status.ok()) return profd_status; \
  } while (false)

/// `ASSIGN_OR_RETURN(auto x, F())`: x is F's value, or the enclosing function returns F's error.
#define ASSIGN_OR_RETURN(declaration, expression) \
  PROFD_ASSIGN_OR_RETURN(PROFD_CONCAT(profd_status_or_, __LINE__), declaration, expression)
#define PROFD_ASSIGN_OR_RETURN(temporary, declaration, expression) \
  auto temporary = (expression);                                   \
  if (!temporary.ok()) return temporary.status();                  \
  declaration = *std::move(temporary)
