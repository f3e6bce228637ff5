// `probes on|off`: the switch of all probes in other programs.
#include <fmt/format.h>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/exit_code.h"

namespace profd::profctl {

int RunProbes(const Options& options, const std::string& state) {
  const auto client = Client::Connect(options.address);
  if (!client.ok()) return Fail(client.status());
  v1::SetProbesRequest request;
  request.set_on(state == "on");
  const auto response = (*client)->SetProbes(request);
  if (!response.ok()) return Fail(response.status());
  if (options.json()) {
    PrintJson({{"schema", "profctl.probes/v1"}, {"on", request.on()}, {"were_on", response->were_on()}});
    return kExitOk;
  }
  fmt::print("probes are {}{}\n", state, response->were_on() == request.on() ? ", as they were" : "");
  return kExitOk;
}

}  // namespace profd::profctl
