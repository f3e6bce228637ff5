#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace profd {
namespace {

absl::Status FailIf(bool fail) { return fail ? absl::NotFoundError("no such thing") : absl::OkStatus(); }
absl::StatusOr<std::unique_ptr<int>> Make(bool fail) {
  RETURN_IF_ERROR(FailIf(fail));
  return std::make_unique<int>(7);
}
absl::StatusOr<int> Sum(bool first_fails, bool second_fails) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> a, Make(first_fails));
  std::unique_ptr<int> b;
  ASSIGN_OR_RETURN(b, Make(second_fails));
  return *a + *b;
}

TEST(Status, ErrorsCarryAFormattedMessage) {
  const absl::Status status = Error(absl::StatusCode::kNotFound, "open {}: {}", "/x", ErrnoText(ENOENT));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "open /x: No such file or directory");
}

TEST(Status, ErrnoTextTakesLibbpfsNegativeNumbers) { EXPECT_EQ(ErrnoText(-ENOENT), ErrnoText(ENOENT)); }

TEST(Status, AnnotatePutsTheContextInFrontAndKeepsTheCode) {
  const absl::Status status = Annotate(absl::NotFoundError("no such thing"), "load");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "load: no such thing");
}

TEST(Status, AnnotateLeavesSuccessAlone) { EXPECT_TRUE(Annotate(absl::OkStatus(), "load").ok()); }

TEST(Status, MacrosPassValuesOn) {
  const absl::StatusOr<int> sum = Sum(false, false);
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(*sum, 14);
}

TEST(Status, MacrosReturnTheFirstError) {
  for (const auto& sum : {Sum(true, false), Sum(false, true)}) {
    EXPECT_EQ(sum.status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(Message(sum.status()), "no such thing");
  }
}

}  // namespace
}  // namespace profd
