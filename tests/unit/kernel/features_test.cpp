#include "kernel/features.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace profd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Check Missing(const std::string& name, bool required) {
  return {.name = name, .required = required, .detail = "no " + name, .remedy = "get " + name};
}

Check CyclesCheck(bool hardware_cycles) {
  const std::vector<Check> checks = CheckKernel(hardware_cycles);
  const auto found = std::ranges::find(checks, "hardware cycles", &Check::name);
  return found == checks.end() ? Check() : *found;
}

TEST(Verdict, NamesAllThatIsMissingWithItsRemedy) {
  const absl::Status status = Verdict(
      {Missing("a", true), {.name = "b", .ok = true, .required = true}, Missing("c", true), Missing("d", false)});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(status), AllOf(HasSubstr("a: no a. What to do: get a"), HasSubstr("What to do: get c")));
  EXPECT_THAT(Message(status), AllOf(Not(HasSubstr("b:")), Not(HasSubstr("get d"))));
}

TEST(Verdict, WhatIsOptionalMayBeMissing) { EXPECT_TRUE(Verdict({Missing("d", false)}).ok()); }

TEST(CheckKernel, CyclesAreRequiredOnlyWhereTheyAreToBeSampled) {
  EXPECT_FALSE(CyclesCheck(false).required);
  const Check required = CyclesCheck(true);
  EXPECT_TRUE(required.required);
  EXPECT_THAT(required.remedy, HasSubstr("leave --hardware-cycles out"));
}

}  // namespace
}  // namespace profd
