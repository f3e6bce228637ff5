// Rows of `top`: their order, their columns, their JSON.
#pragma once

#include <string>
#include <vector>

#include "profctl/answer_text.h"
#include "profctl/table.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

using ProcessRows = std::vector<const v1::ProcessRow*>;
using FunctionRows = std::vector<const v1::FunctionRow*>;

/// One row for all processes of one name in one container that ended in the window, where there are several.
void MergeEnded(v1::TopResponse& response);
/// Those that used any CPU, or all where a selector asked; `sort` is an index in SortKeys.
ProcessRows SortedProcesses(const v1::TopResponse& response, size_t sort);
FunctionRows SortedFunctions(const v1::TopResponse& response, size_t sort);

Table ProcessTable(const ProcessRows& rows, size_t count, bool wide);
Table FunctionTable(const FunctionRows& rows, size_t count, uint64_t samples, bool wide);

/// A line about the function that stands most often on one stack, from 1,000 times on; else empty.
std::string DeepestRepeat(const FunctionRows& rows);

Json ProcessJson(const v1::ProcessRow& row);
Json FunctionJson(const v1::FunctionRow& row, uint64_t samples);

}  // namespace profd::profctl
