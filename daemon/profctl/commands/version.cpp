// `version`: of this program, and of the daemon where one answers.
#include "base/version.h"

#include <fmt/format.h>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/escape.h"
#include "profctl/exit_code.h"

namespace profd::profctl {
namespace {

absl::StatusOr<std::string> DaemonVersion(const Options& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  ASSIGN_OR_RETURN(const v1::GetStatusResponse status, client->GetStatus());
  return status.version();
}

}  // namespace

int RunVersion(const Options& options) {
  const auto daemon = DaemonVersion(options);
  if (options.json()) {
    PrintJson({{"schema", "profctl.version/v1"},
               {"profctl", std::string(Version())},
               {"profd", daemon.ok() ? Json(*daemon) : Json(nullptr)}});
    return kExitOk;
  }
  fmt::print("profctl {}\n", Version());
  fmt::print("profd {}\n", daemon.ok() ? Escape(*daemon) : "does not answer");
  return kExitOk;
}

}  // namespace profd::profctl
