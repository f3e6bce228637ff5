#include "worker/replies.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

#include "base/utf8.h"

namespace profd {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr size_t kMaxName = 4096;
constexpr size_t kMaxShortText = 512;
constexpr size_t kMaxBuildId = 128;
constexpr int kMaxLines = 64;
constexpr int64_t kMaxLine = int64_t{1} << 31;
constexpr uint32_t kMaxOffset = 4096;
constexpr uint64_t kMaxFile = uint64_t{1} << 40;
constexpr int64_t kMaxTlsOffset = int64_t{1} << 20;
constexpr int64_t kMaxSlot = int64_t{1} << 40;
constexpr size_t kMaxEntry = 16;

absl::Status Broken(std::string_view what) {
  return Error(absl::StatusCode::kInternal, "the worker broke the rules: {}", what);
}

// An empty message takes two bytes on the wire and fifty in memory: they are counted before they are made. The fields
// that hold messages are Response.resolution, Resolution.frames and FrameLines.lines.
bool FewMessages(CodedInputStream& wire, size_t level, size_t& left) {
  constexpr int kNested[] = {worker::Response::kResolutionFieldNumber, worker::Resolution::kFramesFieldNumber,
                             worker::FrameLines::kLinesFieldNumber};
  while (const uint32_t tag = wire.ReadTag()) {
    if (level == std::size(kNested) || WireFormatLite::GetTagFieldNumber(tag) != kNested[level] ||
        WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&wire, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (left == 0 || !wire.ReadVarint32(&size) || size > INT32_MAX) return false;
    --left;
    const auto outer = wire.PushLimit(static_cast<int>(size));
    if (!FewMessages(wire, level + 1, left)) return false;
    wire.PopLimit(outer);
  }
  return wire.ConsumedEntireMessage();
}

std::string Name(const std::string& bytes) { return ToUtf8(std::string_view(bytes).substr(0, kMaxName)); }

std::string ShortText(const std::string& bytes) {
  return ToPrintable(std::string_view(bytes).substr(0, kMaxShortText));
}

bool IsHex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

FrameLine LineOf(const worker::FrameLine& line) {
  return {.function = Name(line.function()),
          .system_name = Name(line.system_name()),
          .file = Name(line.file()),
          .line = std::clamp<int64_t>(line.line(), 0, kMaxLine),
          .start_line = std::clamp<int64_t>(line.start_line(), 0, kMaxLine),
          .wrapper = line.wrapper()};
}

}  // namespace

absl::StatusOr<worker::Response> ParseReply(std::string_view content, size_t positions) {
  size_t messages = 1 + positions * (1 + kMaxLines);
  CodedInputStream wire(reinterpret_cast<const uint8_t*>(content.data()), static_cast<int>(content.size()));
  if (!FewMessages(wire, 0, messages)) return Broken("a malformed or overlarge answer");
  worker::Response response;
  if (!response.ParseFromArray(content.data(), static_cast<int>(content.size()))) return Broken("a malformed answer");
  if (!response.error().empty()) return Error(absl::StatusCode::kInvalidArgument, "{}", ShortText(response.error()));
  return response;
}

absl::StatusOr<ObjectFacts> FactsOf(const worker::Response& response) {
  if (!response.has_facts()) return Broken("no facts");
  const worker::ObjectFacts& facts = response.facts();
  if (facts.build_id().size() > kMaxBuildId || !IsHex(facts.build_id())) return Broken("no build ID");
  return ObjectFacts{
      .build_id = facts.build_id(), .go_version = ShortText(facts.go_version()), .symbols = ShortText(facts.symbols())};
}

absl::StatusOr<std::vector<FrameLines>> FramesOf(const worker::Response& response, size_t positions) {
  if (!response.has_resolution()) return Broken("no frames");
  const auto& frames = response.resolution().frames();
  if (static_cast<size_t>(frames.size()) != positions) {
    return Broken(fmt::format("{} frames for {} positions", frames.size(), positions));
  }
  std::vector<FrameLines> answer(positions);
  for (size_t i = 0; i < positions; ++i) {
    const worker::FrameLines& frame = frames[static_cast<int>(i)];
    if (frame.lines_size() > kMaxLines) return Broken("too many lines in a frame");
    answer[i].reserve(static_cast<size_t>(frame.lines_size()));
    for (const worker::FrameLine& line : frame.lines()) answer[i].push_back(LineOf(line));
  }
  return answer;
}

absl::StatusOr<std::vector<std::optional<uint32_t>>> StackDeltasOf(const worker::Response& response, size_t positions) {
  if (!response.has_stack()) return Broken("no stack deltas");
  const auto& deltas = response.stack().delta_plus_1();
  if (static_cast<size_t>(deltas.size()) != positions) {
    return Broken(fmt::format("{} stack deltas for {} positions", deltas.size(), positions));
  }
  std::vector<std::optional<uint32_t>> answer;
  answer.reserve(positions);
  for (const uint32_t delta : deltas) answer.push_back(delta ? std::optional(delta - 1) : std::nullopt);
  return answer;
}

absl::StatusOr<GoFacts> GoFactsOf(const worker::Response& response) {
  if (!response.has_go()) return Broken("no answer about Go");
  const worker::GoFacts& go = response.go();
  if (go.version().empty()) return Error(absl::StatusCode::kNotFound, "not built by Go");
  if (!go.unknown_layout().empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "{}", ShortText(go.unknown_layout()));
  }
  GoFacts facts{.version = ShortText(go.version()),
                .tls_g_offset = go.tls_g_offset(),
                .tls_g_known = go.tls_g_known(),
                .tls_slot = go.tls_slot_known() ? std::optional(go.tls_slot()) : std::nullopt,
                .g_stack_lo = go.g_stack_lo(),
                .g_stack_hi = go.g_stack_hi(),
                .g_m = go.g_m(),
                .g_sched_sp = go.g_sched_sp(),
                .g_sched_pc = go.g_sched_pc(),
                .g_sched_bp = go.g_sched_bp(),
                .g_goid = go.g_goid(),
                .m_g0 = go.m_g0(),
                .m_curg = go.m_curg(),
                .m_gsignal = go.m_gsignal(),
                .m_vdso_sp = go.m_vdso_sp(),
                .g_labels = go.g_labels(),
                .labels_are_list = go.labels_are_list(),
                .text_offset = go.text_offset(),
                .text_size = go.text_size(),
                .stack_growth = {go.stack_growth().offset(), go.stack_growth().code()},
                .fatal_error = {go.fatal_error().offset(), go.fatal_error().code()},
                .max_stack = go.max_stack_known() ? std::optional(go.max_stack()) : std::nullopt};
  if (facts.text_offset > kMaxFile || facts.text_size > kMaxFile) return Broken("an impossible text");
  for (const uint32_t offset :
       {facts.g_stack_lo, facts.g_stack_hi, facts.g_m, facts.g_sched_sp, facts.g_sched_pc, facts.g_sched_bp,
        facts.g_goid, facts.m_g0, facts.m_curg, facts.m_gsignal, facts.m_vdso_sp, facts.g_labels}) {
    if (offset >= kMaxOffset || offset % 8 != 0) return Broken("an impossible offset");
  }
  for (const FunctionCode* function : {&facts.stack_growth, &facts.fatal_error}) {
    const bool inside = function->offset >= facts.text_offset && function->offset - facts.text_offset < facts.text_size;
    if (function->code.size() > kMaxEntry || (function->offset != 0 && !inside))
      return Broken("an impossible function");
  }
  if (facts.max_stack && (*facts.max_stack > kMaxSlot || *facts.max_stack < -kMaxSlot)) {
    return Broken("an impossible variable");
  }
  if (facts.tls_slot && (*facts.tls_slot > kMaxSlot || *facts.tls_slot < -kMaxSlot))
    return Broken("an impossible slot");
  if (facts.tls_g_offset > kMaxTlsOffset || facts.tls_g_offset < -kMaxTlsOffset) return Broken("an impossible offset");
  return facts;
}

}  // namespace profd
