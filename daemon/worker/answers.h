// Questions of the protocol to answers about the one object of this worker.
#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "elf/object.h"
#include "worker/worker.pb.h"

namespace profd {

/// One thread at a time. Throws only std::bad_alloc.
class Answers {
 public:
  /// `descriptor` came with the request; only Open uses it. What is refused says why in the response.
  worker::Response To(const worker::Request& request, UniqueFd descriptor);

 private:
  absl::StatusOr<worker::ObjectFacts> Open(const worker::Open& open, UniqueFd descriptor);
  absl::StatusOr<worker::Resolution> Resolve(const worker::Resolve& question);
  absl::StatusOr<worker::GoFacts> AskGo();
  absl::StatusOr<worker::StackDeltas> AskStack(const worker::StackQuestion& question);
  absl::StatusOr<worker::TypeNames> AskTypes(const worker::TypeQuestion& question);
  absl::StatusOr<worker::NamedFunctions> AskFunctions(const worker::FunctionQuestion& question);

  std::unique_ptr<elf::Object> object_;
};

}  // namespace profd
