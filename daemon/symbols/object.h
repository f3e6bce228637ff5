// One object with symbols, and what its worker said about it so far.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "worker/object_analyzer.h"

namespace profd {

/// Thread safe; questions block on the worker without holding a lock. A failure is remembered: an object that was
/// refused is not asked again, one whose worker crashed or was too slow is asked again after 5 seconds, then after
/// twice that, up to 5 minutes; when no worker is to be had, after a second. Meanwhile the remembered error is the
/// answer.
class Object {
 public:
  Object(uint32_t id, ObjectKind kind, const FileIdentity& identity) : id_(id), kind_(kind), identity_(identity) {}

  uint32_t id() const { return id_; }  ///< never given twice
  ObjectKind kind() const { return kind_; }
  const FileIdentity& identity() const { return identity_; }

  /// A question needs the file open; FailedPrecondition else, and that is not remembered.
  void SetFile(UniqueFd fd);
  void CloseFile();
  bool HasFile() const;
  /// Another descriptor of the open file; none while it is closed.
  UniqueFd DuplicateFile() const;

  /// What was found out by Describe; empty before.
  ObjectFacts facts() const;
  bool described() const;
  /// Whether a failure does not forbid it just now.
  bool MayBeAsked(const Clock& clock) const;
  /// The last failure, if nothing went well since.
  absl::Status failure() const;
  uint64_t failures() const { return total_failures_; }
  /// Why its goroutines cannot be found, if it is a Go program that was asked for them; else empty.
  std::string unknown_layout() const;
  /// How long the longest question of this object took.
  BootTime cost() const { return BootTime(cost_ns_.load()); }

  absl::StatusOr<ObjectFacts> Describe(ObjectAnalyzer& analyzer, const Clock& clock);
  /// As many answers as positions, in order.
  absl::StatusOr<std::vector<FrameLines>> Resolve(ObjectAnalyzer& analyzer, const Clock& clock,
                                                  std::span<const uint64_t> positions);
  /// What AskGo would say without asking, if it is known.
  std::optional<absl::StatusOr<GoFacts>> known_go() const;
  absl::StatusOr<GoFacts> AskGo(ObjectAnalyzer& analyzer, const Clock& clock);
  absl::StatusOr<std::optional<uint32_t>> AskStackDelta(ObjectAnalyzer& analyzer, const Clock& clock,
                                                        uint64_t position);
  absl::StatusOr<std::vector<NamedFunction>> AskFunctions(ObjectAnalyzer& analyzer, const Clock& clock,
                                                          const std::string& glob);
  absl::StatusOr<std::string> AskGoType(ObjectAnalyzer& analyzer, const Clock& clock, uint64_t position);

 private:
  /// The open file, or why no question may be asked now.
  absl::StatusOr<std::shared_ptr<UniqueFd>> Admit(const Clock& clock) const;
  void RecordAnswer(const absl::Status& status, BootTime begin, BootTime now);

  const uint32_t id_;
  const ObjectKind kind_;
  const FileIdentity identity_;
  std::atomic<int64_t> cost_ns_ = 0;
  std::atomic<uint64_t> total_failures_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<UniqueFd> file_;  // shared with the questions under way
  std::optional<ObjectFacts> facts_;
  std::optional<absl::StatusOr<GoFacts>> go_;
  absl::Status failure_;
  BootTime retry_at_{0};
  int failures_in_a_row_ = 0;
};

}  // namespace profd
