// A worker of a test's own making: knows functions by file content, answers at once unless told otherwise.
#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "worker/object_analyzer.h"

namespace profd {

/// Thread safe where the tests need it: `calls` is guarded, the rest is set before use.
class FakeObjectAnalyzer final : public ObjectAnalyzer {
 public:
  struct Call {
    FileIdentity identity;
    ObjectKind kind;
    std::string content;  ///< first bytes of the file
    std::vector<uint64_t> positions;
  };

  absl::StatusOr<ObjectFacts> Describe(const ObjectRef& object) override {
    ++describes;
    if (!describe_error.ok()) return describe_error;
    ContentOf(object);
    return facts;
  }

  /// "<first word of the file>+<position>" for each position, unless `answer` says otherwise.
  absl::StatusOr<std::vector<FrameLines>> Resolve(const ObjectRef& object,
                                                  std::span<const uint64_t> positions) override {
    const std::string content = ContentOf(object);
    {
      std::lock_guard lock(mutex);
      calls.push_back({object.identity, object.kind, content, {positions.begin(), positions.end()}});
    }
    if (before_answer) before_answer();
    if (!resolve_error.ok()) return resolve_error;
    if (answer) return answer(object, positions);
    std::vector<FrameLines> result;
    for (const uint64_t position : positions) {
      const std::string name = fmt::format("{}+{:x}", content.substr(0, content.find(' ')), position);
      result.push_back({{name, "_" + name, "/src/file.go", static_cast<int64_t>(position), 7}});
    }
    return result;
  }

  absl::StatusOr<GoFacts> AskGo(const ObjectRef& object) override {
    ++go_questions;
    ContentOf(object);
    return go;
  }
  absl::StatusOr<std::vector<std::optional<uint32_t>>> AskStackDeltas(const ObjectRef& object,
                                                                      std::span<const uint64_t> positions) override {
    ++stack_questions;
    ContentOf(object);
    if (!resolve_error.ok()) return resolve_error;
    std::vector<std::optional<uint32_t>> deltas;
    for (const uint64_t position : positions) {
      deltas.push_back(position % 2 ? std::nullopt : std::optional(static_cast<uint32_t>(position)));
    }
    return deltas;
  }
  /// "map[int]<position>", and nothing for odd ones.
  absl::StatusOr<std::vector<std::string>> AskGoTypes(const ObjectRef& object,
                                                      std::span<const uint64_t> positions) override {
    ++type_questions;
    ContentOf(object);
    if (!resolve_error.ok()) return resolve_error;
    std::vector<std::string> names;
    for (const uint64_t position : positions) {
      names.push_back(position % 2 ? std::string() : fmt::format("map[int]{:x}", position));
    }
    return names;
  }
  /// One, called as the glob is.
  absl::StatusOr<std::vector<NamedFunction>> AskFunctions(const ObjectRef& object, const std::string& glob) override {
    ContentOf(object);
    if (!resolve_error.ok()) return resolve_error;
    return std::vector{NamedFunction{glob, {.offset = 64, .code = "code"}}};
  }
  AnalyzerCounters counters() const override { return {}; }

  size_t CallCount() {
    std::lock_guard lock(mutex);
    return calls.size();
  }

  std::mutex mutex;
  std::vector<Call> calls;
  std::atomic<int> describes = 0, go_questions = 0, stack_questions = 0, type_questions = 0;
  ObjectFacts facts{.build_id = "abcd", .go_version = "go1.26.1", .symbols = "gopclntab"};
  absl::StatusOr<GoFacts> go = GoFacts{.version = "go1.26.1"};
  absl::Status describe_error, resolve_error;
  std::function<void()> before_answer;
  std::function<absl::StatusOr<std::vector<FrameLines>>(const ObjectRef&, std::span<const uint64_t>)> answer;

 private:
  static std::string ContentOf(const ObjectRef& object) {
    std::string content(64, '\0');
    const ssize_t got = pread(object.fd, content.data(), content.size(), 0);
    if (got < 0) return "closed";
    content.resize(static_cast<size_t>(got));
    return content;
  }
};

}  // namespace profd
