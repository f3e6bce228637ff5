#include "pprof/wire_budget.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "pprof/profile.pb.h"

namespace profd::pprof {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// The largest message of the format, a pointer to it and its allocation; and a text's object.
constexpr uint64_t kMessageBytes = 160;
constexpr uint64_t kTextBytes = 48;
constexpr uint64_t kNumberBytes = 8;

/// Reads one message; `visit(field, length)` consumes the content of each field with a length.
template <typename Visit>
uint64_t Walk(CodedInputStream& in, Visit visit) {
  uint64_t total = 0;
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) break;
      total += kNumberBytes;
      continue;
    }
    uint32_t length = 0;
    if (!in.ReadVarint32(&length) || length > static_cast<uint32_t>(in.BytesUntilLimit())) break;
    const CodedInputStream::Limit limit = in.PushLimit(static_cast<int>(length));
    total += visit(WireFormatLite::GetTagFieldNumber(tag), length);
    in.Skip(in.BytesUntilLimit());
    in.PopLimit(limit);
  }
  return total;
}

/// Fields inside of a sample or location: packed numbers of one byte each at worst, or messages.
uint64_t InnerField(int, uint32_t length) { return kMessageBytes + uint64_t{length} * kNumberBytes; }

}  // namespace

uint64_t EstimateMemory(std::string_view bytes) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  in.SetTotalBytesLimit(static_cast<int>(bytes.size()));
  const CodedInputStream::Limit whole = in.PushLimit(static_cast<int>(bytes.size()));
  const uint64_t total = Walk(in, [&](int field, uint32_t length) -> uint64_t {
    switch (field) {
      case format::Profile::kStringTableFieldNumber: return kTextBytes + length;
      case format::Profile::kSampleFieldNumber:
      case format::Profile::kLocationFieldNumber: return kMessageBytes + Walk(in, InnerField);
      default: return kMessageBytes + uint64_t{length} * kNumberBytes;
    }
  });
  in.PopLimit(whole);
  return total;
}

}  // namespace profd::pprof
