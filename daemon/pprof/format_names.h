// Names inside of our pprof files: labels and the frame that stands for a fold. Stored profiles carry them, so they are
// forever.
#pragma once

#include <array>
#include <string_view>

namespace profd::pprof {

inline constexpr std::string_view kRecursionFrame = "[recursion]";

inline constexpr std::string_view kPid = "pid";
inline constexpr std::string_view kTid = "tid";
inline constexpr std::string_view kThread = "thread";
inline constexpr std::string_view kGoroutine = "goroutine";
inline constexpr std::string_view kCommand = "command";
inline constexpr std::string_view kContainer = "container";
inline constexpr std::string_view kContainerId = "container_id";
inline constexpr std::string_view kPod = "pod";
inline constexpr std::string_view kNamespace = "namespace";
inline constexpr std::string_view kStartTime = "start_time_ns";
inline constexpr std::string_view kExecId = "exec_id";
inline constexpr std::string_view kStackBytes = "stack_bytes";
inline constexpr std::string_view kTruncated = "truncated";
inline constexpr std::string_view kRecursionDepth = "recursion_depth";
inline constexpr std::string_view kRecursionRepeats = "recursion_repeats";
inline constexpr std::string_view kRecursionCycleFrames = "recursion_cycle_frames";
inline constexpr std::string_view kRecursionEstimated = "recursion_estimated";

// A program's own label that is called like one of ours stands behind this.
inline constexpr std::string_view kLabelPrefix = "label.";
inline constexpr std::array kOurLabels = {kPid,
                                          kTid,
                                          kThread,
                                          kGoroutine,
                                          kCommand,
                                          kContainer,
                                          kContainerId,
                                          kPod,
                                          kNamespace,
                                          kStartTime,
                                          kExecId,
                                          kStackBytes,
                                          kTruncated,
                                          kRecursionDepth,
                                          kRecursionRepeats,
                                          kRecursionCycleFrames,
                                          kRecursionEstimated};

inline constexpr std::string_view kSamples = "samples";
inline constexpr std::string_view kCount = "count";
inline constexpr std::string_view kCpu = "cpu";
inline constexpr std::string_view kNanoseconds = "nanoseconds";

}  // namespace profd::pprof
