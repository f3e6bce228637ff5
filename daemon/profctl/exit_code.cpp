#include "profctl/exit_code.h"

#include <cstdio>

#include "profctl/escape.h"

namespace profd::profctl {
namespace {

const char* NextStep(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound: return "'profctl ps' lists the processes that profd knows";
    case absl::StatusCode::kInvalidArgument: return "'profctl --help' and 'profctl VERB --help' say what can be given";
    case absl::StatusCode::kUnimplemented: return "this profd is older than this profctl: 'profctl version' shows both";
    default: return nullptr;
  }
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return kExitOk;
    case absl::StatusCode::kInvalidArgument: return kExitUsage;
    case absl::StatusCode::kUnavailable: return kExitUnreachable;
    case absl::StatusCode::kNotFound: return kExitNoSuchProcess;
    case absl::StatusCode::kPermissionDenied: return kExitDenied;
    case absl::StatusCode::kCancelled: return kExitInterrupted;
    default: return kExitError;
  }
}

int Fail(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kCancelled) return kExitInterrupted;
  fmt::print(stderr, "profctl: {}\n", Escape(Message(status)));
  if (const char* next = NextStep(status)) fmt::print(stderr, "{}\n", next);
  return ExitCodeOf(status);
}

}  // namespace profd::profctl
