#include "worker/server.h"

#include <sys/prctl.h>

#include <new>
#include <optional>

#include "worker/answers.h"
#include "worker/channel.h"
#include "worker/sandbox.h"
#include "worker/worker.pb.h"

namespace profd {
namespace {

enum ExitCode { kDone = 0, kBadRequest = 1, kNotLockedUp = 2 };

absl::Status Reply(int socket, const worker::Response& response) {
  return SendMessage(socket, response.SerializeAsString(), -1, std::nullopt);
}

struct Question {
  worker::Request request;
  UniqueFd descriptor;
};

std::optional<Question> Receive(int socket) {
  auto message = ReceiveMessage(socket, kMaxRequestBytes, true, std::nullopt);
  if (!message.ok()) return std::nullopt;
  Question question;
  question.descriptor = std::move(message->descriptor);
  if (!question.request.ParseFromString(message->content)) return std::nullopt;
  return question;
}

worker::Response Answer(Answers& answers, Question question) {
  try {
    return answers.To(question.request, std::move(question.descriptor));
  } catch (const std::bad_alloc&) {
    worker::Response response;
    response.set_error("it takes more memory than a worker may use");
    return response;
  }
}

}  // namespace

int RunWorker(int socket) {
  // Else it is called "exe", after the link that it is executed by.
  prctl(PR_SET_NAME, "profd-worker");
  const std::optional<Question> first = Receive(socket);
  if (!first || !first->request.has_limits()) return kBadRequest;
  worker::Response ready;
  if (const absl::Status locked = LockUp(first->request.limits()); !locked.ok()) {
    ready.set_error(Message(locked));
    static_cast<void>(Reply(socket, ready).ok());
    return kNotLockedUp;
  }
  if (!Reply(socket, ready).ok()) return kDone;

  Answers answers;
  while (std::optional<Question> question = Receive(socket)) {
    if (!Reply(socket, Answer(answers, *std::move(question))).ok()) break;
  }
  return kDone;
}

}  // namespace profd
