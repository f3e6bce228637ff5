// `doctor`: what this kernel and privilege allow, and what to do about the rest.
#include <fmt/format.h>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/escape.h"
#include "profctl/exit_code.h"
#include "profctl/terminal.h"

namespace profd::profctl {
namespace {

std::string_view Verdict(const v1::Check& check) {
  if (check.ok()) return "OK";
  return check.required() ? "MISSING" : "OPTIONAL";
}

void Print(const v1::Check& check, bool color) {
  const char* before = !color ? "" : check.ok() ? "\x1b[32m" : check.required() ? "\x1b[1;31m" : "\x1b[33m";
  fmt::print("{}{:<8}{}  {}{}{}\n", before, Verdict(check), color ? "\x1b[0m" : "", Escape(check.name()),
             check.detail().empty() ? "" : ": ", Escape(check.detail()));
  if (!check.ok() && !check.remedy().empty()) fmt::print("          {}\n", Escape(check.remedy()));
}

Json JsonOf(const v1::GetStatusResponse& status, bool healthy) {
  Json checks = Json::array();
  for (const v1::Check& check : status.checks()) {
    checks.push_back({{"name", check.name()},
                      {"ok", check.ok()},
                      {"required", check.required()},
                      {"detail", check.detail()},
                      {"remedy", check.remedy()}});
  }
  return {{"schema", "profctl.doctor/v1"}, {"ok", healthy}, {"checks", std::move(checks)}};
}

}  // namespace

int RunDoctor(const Options& options) {
  const auto client = Client::Connect(options.address);
  if (!client.ok()) return Fail(client.status());
  const auto status = (*client)->GetStatus();
  if (!status.ok()) return Fail(status.status());
  bool healthy = true;
  for (const v1::Check& check : status->checks()) healthy = healthy && (check.ok() || !check.required());
  if (options.json()) {
    PrintJson(JsonOf(*status, healthy));
  } else {
    const bool color = UseColor(options.color);
    for (const v1::Check& check : status->checks()) Print(check, color);
  }
  return healthy ? kExitOk : kExitError;
}

}  // namespace profd::profctl
