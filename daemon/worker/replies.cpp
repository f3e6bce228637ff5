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
constexpr size_t kMaxMapFunctions = 40;
constexpr int kMaxNamedFunctions = 32;
constexpr size_t kMaxTypeName = 1024;

absl::Status Broken(std::string_view what) {
  return Error(absl::StatusCode::kInternal, "the worker broke the rules: {}", what);
}

// An empty message or text takes two bytes on the wire and fifty in memory: they are counted before they are made.
// These are the fields that hold messages, and those that hold as many texts as the worker likes.
struct Counted {
  int field = 0;  // 0: the end
  const Counted* inside = nullptr;
};
constexpr Counted kInFrame[] = {{worker::FrameLines::kLinesFieldNumber}, {}};
constexpr Counted kInResolution[] = {{worker::Resolution::kFramesFieldNumber, kInFrame}, {}};
constexpr Counted kInGo[] = {{worker::GoFacts::kMapFunctionsFieldNumber}, {}};
constexpr Counted kInFunctions[] = {{worker::NamedFunctions::kFunctionsFieldNumber}, {}};
constexpr Counted kInTypes[] = {{worker::TypeNames::kNamesFieldNumber}, {}};
constexpr Counted kInResponse[] = {{worker::Response::kResolutionFieldNumber, kInResolution},
                                   {worker::Response::kGoFieldNumber, kInGo},
                                   {worker::Response::kTypesFieldNumber, kInTypes},
                                   {worker::Response::kFunctionsFieldNumber, kInFunctions},
                                   {}};

const Counted* Find(const Counted* fields, uint32_t tag) {
  if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) return nullptr;
  for (; fields->field != 0; ++fields) {
    if (fields->field == WireFormatLite::GetTagFieldNumber(tag)) return fields;
  }
  return nullptr;
}

bool FewMessages(CodedInputStream& wire, const Counted* fields, size_t& left) {
  while (const uint32_t tag = wire.ReadTag()) {
    const Counted* counted = Find(fields, tag);
    if (counted != nullptr) {
      if (left == 0) return false;
      --left;
    }
    if (counted == nullptr || counted->inside == nullptr) {
      if (!WireFormatLite::SkipField(&wire, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (!wire.ReadVarint32(&size) || size > INT32_MAX) return false;
    const auto outer = wire.PushLimit(static_cast<int>(size));
    if (!FewMessages(wire, counted->inside, left)) return false;
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

FunctionCode CodeOf(const worker::GoFunction& function) { return {function.offset(), function.code()}; }

MapFunction MapFunctionOf(const worker::MapFunction& function) {
  return {.operation = static_cast<MapFunction::Operation>(function.operation()),
          .key = static_cast<MapFunction::Key>(function.key()),
          .code = CodeOf(function.function())};
}

// A function of Go's text, or none.
bool IsPossible(const FunctionCode& function, const GoFacts& facts) {
  const bool inside = function.offset >= facts.text_offset && function.offset - facts.text_offset < facts.text_size;
  return function.code.size() <= kMaxEntry && (function.offset == 0 || inside);
}

absl::Status TakeMapFunctions(const worker::GoFacts& go, GoFacts& facts) {
  if (static_cast<size_t>(go.map_functions_size()) > kMaxMapFunctions) return Broken("too many functions of maps");
  for (const worker::MapFunction& function : go.map_functions()) {
    if (!worker::MapOperation_IsValid(function.operation()) || !worker::MapKey_IsValid(function.key())) {
      return Broken("an unknown kind of function");
    }
    facts.map_functions.push_back(MapFunctionOf(function));
    const FunctionCode& code = facts.map_functions.back().code;
    if (code.offset == 0 || !IsPossible(code, facts)) return Broken("an impossible function");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<worker::Response> ParseReply(std::string_view content, size_t positions) {
  size_t messages = 1 + kMaxMapFunctions + positions * (1 + kMaxLines);
  CodedInputStream wire(reinterpret_cast<const uint8_t*>(content.data()), static_cast<int>(content.size()));
  if (!FewMessages(wire, kInResponse, messages)) return Broken("a malformed or overlarge answer");
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

absl::StatusOr<std::vector<NamedFunction>> NamedFunctionsOf(const worker::Response& response) {
  if (!response.has_functions()) return Broken("no functions");
  if (response.functions().functions_size() > kMaxNamedFunctions) return Broken("too many functions");
  std::vector<NamedFunction> functions;
  for (const worker::NamedFunction& function : response.functions().functions()) {
    NamedFunction& one = functions.emplace_back(NamedFunction{
        ToPrintable(std::string_view(function.name()).substr(0, kMaxTypeName)), CodeOf(function.function())});
    if (one.code.offset == 0 || one.code.offset > kMaxFile || one.code.code.size() > kMaxEntry) {
      return Broken("an impossible function");
    }
  }
  return functions;
}

absl::StatusOr<std::vector<std::string>> TypeNamesOf(const worker::Response& response, size_t positions) {
  if (!response.has_types()) return Broken("no names of types");
  const auto& names = response.types().names();
  if (static_cast<size_t>(names.size()) != positions) {
    return Broken(fmt::format("{} names of types for {} positions", names.size(), positions));
  }
  std::vector<std::string> answer;
  answer.reserve(positions);
  for (const std::string& name : names) {
    if (name.size() > kMaxTypeName || ToPrintable(name) != name) return Broken("an impossible name of a type");
    answer.push_back(name);
  }
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
                .swiss_maps = go.swiss_maps(),
                .text_offset = go.text_offset(),
                .text_size = go.text_size(),
                .stack_growth = CodeOf(go.stack_growth()),
                .fatal_error = CodeOf(go.fatal_error()),
                .max_stack = go.max_stack_known() ? std::optional(go.max_stack()) : std::nullopt};
  if (facts.text_offset > kMaxFile || facts.text_size > kMaxFile) return Broken("an impossible text");
  for (const uint32_t offset :
       {facts.g_stack_lo, facts.g_stack_hi, facts.g_m, facts.g_sched_sp, facts.g_sched_pc, facts.g_sched_bp,
        facts.g_goid, facts.m_g0, facts.m_curg, facts.m_gsignal, facts.m_vdso_sp, facts.g_labels}) {
    if (offset >= kMaxOffset || offset % 8 != 0) return Broken("an impossible offset");
  }
  if (!IsPossible(facts.stack_growth, facts) || !IsPossible(facts.fatal_error, facts)) {
    return Broken("an impossible function");
  }
  RETURN_IF_ERROR(TakeMapFunctions(go, facts));
  if (facts.max_stack && (*facts.max_stack > kMaxSlot || *facts.max_stack < -kMaxSlot)) {
    return Broken("an impossible variable");
  }
  if (facts.tls_slot && (*facts.tls_slot > kMaxSlot || *facts.tls_slot < -kMaxSlot))
    return Broken("an impossible slot");
  if (facts.tls_g_offset > kMaxTlsOffset || facts.tls_g_offset < -kMaxTlsOffset) return Broken("an impossible offset");
  return facts;
}

}  // namespace profd
