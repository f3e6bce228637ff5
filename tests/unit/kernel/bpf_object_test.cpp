#include "kernel/bpf_object.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace profd {
namespace {

absl::StatusCode CodeOf(int error) {
  const LibbpfLog log;
  return LibbpfError("loading", error, log).code();
}

TEST(LibbpfError, WhatRanOutIsNotTheKernelsFault) {
  for (const int error : {ENOMEM, EMFILE, ENFILE}) {
    EXPECT_EQ(CodeOf(error), absl::StatusCode::kResourceExhausted) << error;
    EXPECT_EQ(CodeOf(-error), absl::StatusCode::kResourceExhausted) << error;
  }
}

TEST(LibbpfError, OnlyEpermIsAMissingPrivilege) {
  EXPECT_EQ(CodeOf(-EPERM), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(-EACCES), absl::StatusCode::kUnimplemented) << "the verifier's word";
  EXPECT_EQ(CodeOf(-EINVAL), absl::StatusCode::kUnimplemented);
}

TEST(LibbpfError, SaysWhatWasAttemptedAndWhy) {
  const LibbpfLog log;
  EXPECT_THAT(Message(LibbpfError("loading the sampler", -ENOMEM, log)),
              testing::HasSubstr("loading the sampler: Cannot allocate memory"));
}

}  // namespace
}  // namespace profd
