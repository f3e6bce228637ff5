// `url`: the HTTP address with its token, for a browser or `go tool pprof`.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/escape.h"
#include "profctl/exit_code.h"

namespace profd::profctl {
namespace {

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && (errno == EACCES || errno == EPERM)) {
    return Error(absl::StatusCode::kPermissionDenied,
                 "this user may not read the token in {}: run profctl as root, or join the group that owns the file",
                 path);
  }
  std::array<char, 4096> bytes{};
  const ssize_t length = fd ? read(fd.get(), bytes.data(), bytes.size()) : -1;
  if (length < 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "cannot read the token in {}: {}", path, ErrnoText(errno));
  }
  std::string token(bytes.data(), static_cast<size_t>(length));
  token.erase(token.find_last_not_of(" \r\n") + 1);
  return Escape(token);
}

/// Where a client on this machine reaches a server that listens there.
std::string ReachableAddress(std::string address) {
  if (address.starts_with("0.0.0.0:")) return "127.0.0.1" + address.substr(7);
  if (address.starts_with("[::]:")) return "[::1]" + address.substr(4);
  return address;
}

absl::StatusOr<uint32_t> PidOf(Client& client, const v1::Selector& selector) {
  v1::ListProcessesRequest request;
  *request.mutable_selector() = selector;
  ASSIGN_OR_RETURN(const v1::ListProcessesResponse known, client.ListProcesses(request));
  if (known.processes_size() == 1) return known.processes(0).pid();
  return Error(absl::StatusCode::kInvalidArgument, "{} processes match, but an address is for one: choose with --pid",
               known.processes_size());
}

absl::StatusOr<std::string> Url(const Options& options) {
  ASSIGN_OR_RETURN(const v1::Selector selector, options.Selector());
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  ASSIGN_OR_RETURN(const v1::GetStatusResponse status, client->GetStatus());
  if (status.http_address().empty()) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "this profd serves no HTTP: start it with --http 127.0.0.1:7480");
  }
  std::string path = "/?";
  if (selector.ByteSizeLong() > 0) {
    ASSIGN_OR_RETURN(const uint32_t pid, PidOf(*client, selector));
    path = fmt::format("/debug/pprof/profile?pid={}&", pid);
  }
  ASSIGN_OR_RETURN(const std::string token, ReadToken(status.http_token_file()));
  return fmt::format("http://{}{}token={}", Escape(ReachableAddress(status.http_address())), path, token);
}

}  // namespace

int RunUrl(const Options& options) {
  const auto url = Url(options);
  if (!url.ok()) return Fail(url.status());
  if (options.json()) {
    PrintJson({{"schema", "profctl.url/v1"}, {"url", *url}});
  } else {
    fmt::print("{}\n", *url);
  }
  return kExitOk;
}

}  // namespace profd::profctl
