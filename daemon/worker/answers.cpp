#include "worker/answers.h"

#include <string_view>

#include "worker/channel.h"

namespace profd {
namespace {

constexpr size_t kMaxText = 4096;
constexpr int kMaxLines = 64;
// Leaves room in a response for the lengths and numbers around the texts.
constexpr size_t kMaxTexts = kMaxResponseBytes - (size_t{256} << 10);

absl::Status Refused(std::string_view why) { return Error(absl::StatusCode::kInvalidArgument, "{}", why); }

absl::StatusOr<std::unique_ptr<elf::Object>> OpenAs(worker::ObjectKind kind, UniqueFd file) {
  switch (kind) {
    case worker::OBJECT_ELF: return elf::OpenElf(std::move(file));
    case worker::OBJECT_PERF_MAP: return elf::OpenPerfMap(std::move(file));
    case worker::OBJECT_KALLSYMS: return elf::OpenKallsyms(std::move(file));
    default: return Refused("an unknown kind of object");
  }
}

// Fills `frame` and returns the bytes of its texts.
size_t Fill(const elf::Lines& lines, worker::FrameLines& frame) {
  size_t bytes = 0;
  for (const elf::Line& line : lines) {
    if (frame.lines_size() == kMaxLines) break;
    worker::FrameLine& out = *frame.add_lines();
    out.set_function(line.function.substr(0, kMaxText));
    out.set_system_name(line.system_name.substr(0, kMaxText));
    out.set_file(line.file.substr(0, kMaxText));
    out.set_line(line.line);
    out.set_start_line(line.start_line);
    out.set_wrapper(line.wrapper);
    bytes += out.function().size() + out.system_name().size() + out.file().size();
  }
  return bytes;
}

void Fill(const elf::FunctionCode& function, worker::GoFunction& out) {
  out.set_offset(function.offset);
  out.set_code(function.code);
}

void Fill(const elf::MapFunction& function, worker::MapFunction& out) {
  out.set_operation(static_cast<worker::MapOperation>(function.kind.operation));
  out.set_key(static_cast<worker::MapKey>(function.kind.key));
  Fill(function.code, *out.mutable_function());
}

// Moves a value into its place in the response, or the error into the error's.
template <typename T, typename Place>
void Put(absl::StatusOr<T> answer, worker::Response& response, Place place) {
  if (answer.ok()) {
    *place(response) = *std::move(answer);
  } else {
    response.set_error(Message(answer.status()).substr(0, kMaxText));
  }
}

}  // namespace

worker::Response Answers::To(const worker::Request& request, UniqueFd descriptor) {
  worker::Response response;
  switch (request.question_case()) {
    case worker::Request::kOpen:
      Put(Open(request.open(), std::move(descriptor)), response, [](auto& to) { return to.mutable_facts(); });
      break;
    case worker::Request::kResolve:
      Put(Resolve(request.resolve()), response, [](auto& to) { return to.mutable_resolution(); });
      break;
    case worker::Request::kGo: Put(AskGo(), response, [](auto& to) { return to.mutable_go(); }); break;
    case worker::Request::kStack:
      Put(AskStack(request.stack()), response, [](auto& to) { return to.mutable_stack(); });
      break;
    case worker::Request::kTypes:
      Put(AskTypes(request.types()), response, [](auto& to) { return to.mutable_types(); });
      break;
    case worker::Request::kFunctions:
      Put(AskFunctions(request.functions()), response, [](auto& to) { return to.mutable_functions(); });
      break;
    default: response.set_error("an unknown question");
  }
  return response;
}

absl::StatusOr<worker::ObjectFacts> Answers::Open(const worker::Open& open, UniqueFd descriptor) {
  if (object_ != nullptr) return Refused("this worker has its object");
  if (!descriptor) return Refused("no descriptor came with the question");
  ASSIGN_OR_RETURN(object_, OpenAs(open.kind(), std::move(descriptor)));
  ASSIGN_OR_RETURN(const elf::Facts facts, object_->Describe());
  worker::ObjectFacts answer;
  answer.set_build_id(facts.build_id);
  answer.set_go_version(facts.go_version);
  answer.set_symbols(facts.symbols);
  answer.set_symbol_count(facts.symbol_count);
  return answer;
}

absl::StatusOr<worker::Resolution> Answers::Resolve(const worker::Resolve& question) {
  if (object_ == nullptr) return Refused("no object yet");
  if (static_cast<size_t>(question.positions_size()) > kMaxPositions) return Refused("too many positions");
  worker::Resolution resolution;
  size_t bytes = 0;
  for (const uint64_t position : question.positions()) {
    worker::FrameLines& frame = *resolution.add_frames();
    ASSIGN_OR_RETURN(const elf::Lines lines, object_->Resolve(position));
    // Inlined calls may bring many lines; what does not fit any more stays unknown.
    if (bytes < kMaxTexts) bytes += Fill(lines, frame);
    if (bytes > kMaxTexts) frame.clear_lines();
  }
  return resolution;
}

absl::StatusOr<worker::StackDeltas> Answers::AskStack(const worker::StackQuestion& question) {
  if (object_ == nullptr) return Refused("no object yet");
  if (static_cast<size_t>(question.positions_size()) > kMaxPositions) return Refused("too many positions");
  worker::StackDeltas deltas;
  for (const uint64_t position : question.positions()) {
    const std::optional<uint32_t> delta = object_->StackDelta(position);
    deltas.add_delta_plus_1(delta ? *delta + 1 : 0);
  }
  return deltas;
}

absl::StatusOr<worker::TypeNames> Answers::AskTypes(const worker::TypeQuestion& question) {
  if (object_ == nullptr) return Refused("no object yet");
  if (static_cast<size_t>(question.positions_size()) > kMaxPositions) return Refused("too many positions");
  worker::TypeNames types;
  for (const uint64_t position : question.positions()) types.add_names(object_->TypeName(position));
  return types;
}

absl::StatusOr<worker::NamedFunctions> Answers::AskFunctions(const worker::FunctionQuestion& question) {
  if (object_ == nullptr) return Refused("no object yet");
  worker::NamedFunctions functions;
  for (const elf::NamedFunction& function : object_->FunctionsNamed(question.glob())) {
    worker::NamedFunction& out = *functions.add_functions();
    out.set_name(function.name);
    Fill(function.code, *out.mutable_function());
  }
  return functions;
}

absl::StatusOr<worker::GoFacts> Answers::AskGo() {
  if (object_ == nullptr) return Refused("no object yet");
  ASSIGN_OR_RETURN(const elf::GoRuntime runtime, object_->AskGo());
  worker::GoFacts answer;
  answer.set_version(runtime.version);
  answer.set_unknown_layout(runtime.unknown_layout);
  answer.set_tls_g_known(runtime.tls.has_value());
  if (runtime.tls) {
    answer.set_tls_g_offset(runtime.tls->offset);
    answer.set_tls_slot_known(runtime.tls->slot.has_value());
    answer.set_tls_slot(runtime.tls->slot.value_or(0));
  }
  answer.set_text_offset(runtime.text_offset);
  answer.set_text_size(runtime.text_size);
  const elf::GoOffsets& offsets = runtime.offsets;
  answer.set_g_stack_lo(offsets.g_stack_lo);
  answer.set_g_stack_hi(offsets.g_stack_hi);
  answer.set_g_m(offsets.g_m);
  answer.set_g_sched_sp(offsets.g_sched_sp);
  answer.set_g_sched_pc(offsets.g_sched_pc);
  answer.set_g_sched_bp(offsets.g_sched_bp);
  answer.set_g_goid(offsets.g_goid);
  answer.set_m_g0(offsets.m_g0);
  answer.set_m_curg(offsets.m_curg);
  answer.set_m_gsignal(offsets.m_gsignal);
  answer.set_m_vdso_sp(offsets.m_vdso_sp);
  answer.set_g_labels(offsets.g_labels);
  answer.set_labels_are_list(offsets.labels_are_list);
  answer.set_swiss_maps(offsets.swiss_maps);
  Fill(runtime.stack_growth, *answer.mutable_stack_growth());
  Fill(runtime.fatal_error, *answer.mutable_fatal_error());
  for (const elf::MapFunction& function : runtime.map_functions) Fill(function, *answer.add_map_functions());
  answer.set_max_stack_known(runtime.max_stack.has_value());
  answer.set_max_stack(runtime.max_stack.value_or(0));
  return answer;
}

}  // namespace profd
