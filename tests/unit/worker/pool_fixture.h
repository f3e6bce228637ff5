// A pool of real worker processes, and files for them to look at.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "worker/worker_pool.h"

namespace profd::testing_worker {

/// A file and how the pool is to be asked about it.
struct TestFile {
  UniqueFd fd;
  ObjectKind kind = ObjectKind::kElf;

  ObjectRef ref() const {
    struct stat file {};
    fstat(fd.get(), &file);
    return {.identity = {.device = file.st_dev,
                         .inode = file.st_ino,
                         .mtime_ns = file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec,
                         .size = static_cast<uint64_t>(file.st_size)},
            .kind = kind,
            .fd = fd.get()};
  }
};

inline TestFile OpenFile(const std::string& path, ObjectKind kind = ObjectKind::kElf) {
  TestFile file{UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), kind};
  EXPECT_TRUE(file.fd) << path;
  return file;
}

inline TestFile FileOf(std::string_view content, ObjectKind kind = ObjectKind::kElf) {
  TestFile file{UniqueFd(memfd_create("object", MFD_CLOEXEC)), kind};
  EXPECT_EQ(write(file.fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  return file;
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

inline WorkerPoolOptions TestOptions() {
  WorkerPoolOptions options;
  options.executable = WORKER_UNDER_TEST;
  options.arguments = {"worker_under_test"};
  // Long enough for a slow machine and a sanitizer, so that only what is stuck on purpose is late.
  options.question_deadline = std::chrono::seconds(60);
  options.idle_timeout = std::chrono::seconds(60);
  return options;
}

inline std::unique_ptr<WorkerPool> PoolOf(const WorkerPoolOptions& options) {
  auto pool = WorkerPool::Create(options);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return std::unique_ptr<WorkerPool>(static_cast<WorkerPool*>(pool->release()));
}

/// Where `address` of this process lies in the file that is mapped there.
struct MappedAt {
  std::string path;
  uint64_t offset = 0;
};
inline MappedAt PlaceOf(const void* address) {
  const auto wanted = reinterpret_cast<uint64_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t start = 0, end = 0, offset = 0;
    char path[4096] = "";
    if (sscanf(line.c_str(), "%lx-%lx %*s %lx %*s %*s %4095s", &start, &end, &offset, path) < 3) continue;
    if (wanted >= start && wanted < end) return {path, wanted - start + offset};
  }
  return {};
}

MATCHER_P(HasCode, code, "") {
  *result_listener << arg.status();
  return arg.status().code() == code;
}

MATCHER_P2(RefusedWith, code, text, "") {
  const std::string message = Message(arg.status());
  *result_listener << arg.status();
  return arg.status().code() == code && message.find(text) != std::string::npos;
}

}  // namespace profd::testing_worker
