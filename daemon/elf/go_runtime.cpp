#include "elf/go_runtime.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace profd::elf {
namespace {

// What changed from one version to the next, in bytes; the same on x86-64 and arm64 (read from the DWARF of binaries of
// both). A row holds up to its version.
struct Layout {
  unsigned newest;  // minor version
  uint32_t gobuf_bp, g_goid, g_labels, m_gsignal, m_curg;
  uint64_t types_word, etypes_word, gofunc_word;  // of runtime.moduledata
  uint8_t wrapper_id;                             // funcID of functions that are wrapped around others
};
constexpr unsigned kOldest = 18, kLabelsAreList = 24, kSwissMaps = 24;
constexpr std::array kLayouts = {
    Layout{19, 48, 152, 360, 80, 192, 35, 36, 38, 21}, Layout{20, 48, 152, 360, 80, 192, 37, 38, 40, 21},
    Layout{21, 48, 152, 344, 80, 192, 37, 38, 40, 21}, Layout{22, 48, 152, 344, 80, 192, 37, 38, 40, 22},
    Layout{24, 48, 160, 352, 80, 192, 37, 38, 40, 22}, Layout{25, 40, 152, 344, 72, 184, 37, 38, 40, 23},
    Layout{26, 40, 152, 352, 72, 184, 37, 38, 40, 23}, Layout{27, 40, 152, 352, 72, 184, 37, 39, 43, 23},
};
// And what did not.
constexpr uint32_t kStackLo = 0, kStackHi = 8, kM = 48, kSched = 56, kG0 = 0;

const Layout* LayoutOf(unsigned minor) {
  if (minor < kOldest) return nullptr;
  const auto found = std::ranges::find_if(kLayouts, [minor](const Layout& one) { return minor <= one.newest; });
  return found == kLayouts.end() ? nullptr : &*found;
}

// `mov %fs:DISPLACEMENT,%REGISTER`; `mov $IMMEDIATE,%rcx` or `mov DISPLACEMENT(%rip),%rcx`, then `mov %fs:(%rcx),..`.
constexpr std::string_view kDirect("\x64\x48\x8b", 3);
constexpr std::string_view kImmediate("\x48\xc7\xc1", 3);
constexpr std::string_view kFromSlot("\x48\x8b\x0d", 3);
constexpr std::string_view kThroughRcx("\x64\x48\x8b\x01", 4);

// The 32-bit displacement behind the first `opcode` in the code.
std::optional<uint32_t> DisplacementAfter(const Bytes& code, std::string_view opcode) {
  const size_t at = code.view().find(opcode);
  return at == std::string_view::npos ? std::nullopt : code.At<uint32_t>(at + opcode.size());
}

}  // namespace

std::optional<unsigned> GoMinorVersion(std::string_view version) {
  constexpr std::string_view kPrefix = "go1.";
  if (!version.starts_with(kPrefix)) return std::nullopt;
  version.remove_prefix(kPrefix.size());
  unsigned minor = 0;
  const auto [rest, error] = std::from_chars(version.data(), version.data() + version.size(), minor);
  if (error != std::errc()) return std::nullopt;
  const bool ends = rest == version.data() + version.size();
  // Development versions may have any layout.
  if (version.substr(static_cast<size_t>(rest - version.data())).starts_with("-devel")) return std::nullopt;
  if (!ends && *rest != '.' && *rest != ' ' && *rest != '-' && *rest != 'r' && *rest != 'b') return std::nullopt;
  return minor;
}

absl::StatusOr<GoOffsets> GoOffsetsOf(const std::string& version) {
  const auto minor = GoMinorVersion(version);
  if (!minor) return Error(absl::StatusCode::kFailedPrecondition, "'{}' is no released version of Go", version);
  const Layout* layout = LayoutOf(*minor);
  if (layout == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "the runtime's layout in {} is not known (known: Go 1.{} to 1.{})", version, kOldest,
                 kLayouts.back().newest);
  }
  return GoOffsets{.g_stack_lo = kStackLo,
                   .g_stack_hi = kStackHi,
                   .g_m = kM,
                   .g_sched_sp = kSched,
                   .g_sched_pc = kSched + 8,
                   .g_sched_bp = kSched + layout->gobuf_bp,
                   .g_goid = layout->g_goid,
                   .m_g0 = kG0,
                   .m_curg = layout->m_curg,
                   .m_gsignal = layout->m_gsignal,
                   .g_labels = layout->g_labels,
                   .labels_are_list = *minor >= kLabelsAreList,
                   .swiss_maps = *minor >= kSwissMaps && version.find("X:noswissmap") == std::string::npos};
}

std::optional<GoTables> GoTablesOf(const std::string& version) {
  const auto minor = GoMinorVersion(version);
  const Layout* layout = minor ? LayoutOf(*minor) : nullptr;
  if (layout == nullptr) return std::nullopt;
  return GoTables{.types_word = layout->types_word,
                  .etypes_word = layout->etypes_word,
                  .gofunc_word = layout->gofunc_word,
                  .wrapper_id = layout->wrapper_id};
}

std::optional<TlsPlace> DecodeTlsPlace(const Bytes& stackcheck) {
  const std::string_view code = stackcheck.view();
  if (code.starts_with(kDirect)) {
    const auto mode = stackcheck.At<uint8_t>(3), base = stackcheck.At<uint8_t>(4);
    const auto offset = stackcheck.At<int32_t>(5);
    // Any register, absolute 32-bit address.
    if (!mode || !base || (*mode & 0xc7) != 0x04 || *base != 0x25 || !offset) return std::nullopt;
    return TlsPlace{.offset = *offset};
  }
  constexpr size_t kFirstSize = 7;
  if (code.size() < kFirstSize || !code.substr(kFirstSize).starts_with(kThroughRcx)) return std::nullopt;
  if (code.starts_with(kImmediate)) return TlsPlace{.offset = *stackcheck.At<int32_t>(3)};
  if (code.starts_with(kFromSlot)) return TlsPlace{.slot = int64_t{kFirstSize} + *stackcheck.At<int32_t>(3)};
  return std::nullopt;
}

std::optional<int64_t> DecodeMaxStack(const Bytes& main) {
  // movq $1000000000,DISPLACEMENT(%rip)
  constexpr std::string_view kMove("\x48\xc7\x05", 3);
  constexpr uint32_t kDefault = 1'000'000'000;
  constexpr size_t kSize = 11;
  for (size_t at = main.view().find(kMove); at != std::string_view::npos; at = main.view().find(kMove, at + 1)) {
    const auto distance = main.At<int32_t>(at + 3);
    if (distance && main.At<uint32_t>(at + 7) == kDefault) return static_cast<int64_t>(at + kSize) + *distance;
  }
  return std::nullopt;
}

std::optional<ThreadPlaces> DecodeThreadPlaces(const Bytes& nanotime) {
  // mov G_M(%r14),%rbx; mov VDSO_PC(%rbx),%rcx; mov VDSO_SP(%rbx),%rdx; ... cmp CURG(%rbx),%r14
  constexpr std::string_view kG("\x49\x8b\x5e", 3);
  const size_t at = nanotime.view().find(kG);
  if (at == std::string_view::npos) return std::nullopt;
  const Bytes rest = *nanotime.From(at);
  const auto g_m = rest.At<uint8_t>(kG.size());
  const auto pc = DisplacementAfter(rest, "\x48\x8b\x8b"), sp = DisplacementAfter(rest, "\x48\x8b\x93"),
             curg = DisplacementAfter(rest, "\x4c\x3b\xb3");
  if (!g_m || !pc || !sp || !curg || *pc != *sp + 8) return std::nullopt;
  return ThreadPlaces{.g_m = *g_m, .m_curg = *curg, .m_vdso_sp = *sp};
}

}  // namespace profd::elf
