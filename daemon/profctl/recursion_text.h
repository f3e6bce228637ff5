// Recursion stories in words, the same for every verb. Nothing here is escaped.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

/// 0 for a grade that this profctl does not know, 4 for `proven`.
int GradeRank(const v1::RecursionEvent& event);
bool IsActive(const v1::RecursionEvent& event);
/// It killed its process, or is about to.
bool IsAlarm(const v1::RecursionEvent& event);

/// `A -> B -> A`; of a long cycle its beginning and its length. `brief`: without the path of a Go package, and cut.
std::string CycleText(const v1::RecursionEvent& event, bool brief);
/// `[unknown]`, where it is that.
std::string NameOf(const v1::CodeFrame& frame);
/// `config.go:42`; empty when unknown.
std::string PlaceText(const v1::CodeFrame& frame);
/// `162 MiB of 512 MiB`; `162 MiB` while the limit is not known, `-` of nothing.
std::string StackText(const v1::RecursionEvent& event);
/// `+92.1 MiB/s`; empty when it does not grow.
std::string GrowthText(const v1::RecursionEvent& event);
/// Until the stack is full: `3.8 s`, nothing when nobody knows.
std::optional<std::string> LeftText(const v1::RecursionEvent& event);
/// `dies in about 3.8 s`, of one that may be honest `at this rate full in about 3.8 s`; empty when nobody knows.
std::string FateText(const v1::RecursionEvent& event);

/// `map[string]int at 0xc000012345 of 1 entry; asked for key #1f2e ...`; empty when it is not known.
std::string MapText(const v1::RecursionEvent& event);

/// All in one sentence: `RUNAWAY orders (pid 30321): main.(*Config).Get calls itself, 3,532,112 frames deep, ...`.
std::string Verdict(const v1::RecursionEvent& event, WallTime now);
/// The same with the most urgent first, since a terminal may cut it, and how to get the rest.
std::string BannerText(const v1::RecursionEvent& event, WallTime now);

}  // namespace profd::profctl
