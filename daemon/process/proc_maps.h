// The text of /proc/PID/maps, and the paths in it. Pure. Names are chosen by whoever made the file.
#pragma once

#include <string_view>
#include <vector>

#include "process/process_table.h"

namespace profd {

/// Longest path kept of a mapping; the kernel itself gives up at a page.
inline constexpr size_t kMaxPathBytes = 4096;

/// The executable mappings in order, at most `max_mappings`. Lines that make no sense are left out, a line cut off at
/// the end too. Names are as PERF_RECORD_MMAP2 has them: line breaks unescaped, "//anon" for memory without a name.
std::vector<MapEvent> ParseExecutableMaps(std::string_view text, size_t max_mappings);

/// All mappings of that file, executable or not, in order; whatever its path is by now.
std::vector<MapEvent> MappingsOf(std::string_view text, const MappedFile& file, size_t max_mappings);

/// Whether all code in a process's mappings is memory that has no file, the vDSO apart: a packed program (UPX) after it
/// has unpacked itself.
bool CodeHasNoFile(std::string_view maps_text);

/// `path` without the " (deleted)" that the kernel appends, in mappings and in links, when the file is gone.
std::string_view WithoutDeleted(std::string_view path);

}  // namespace profd
