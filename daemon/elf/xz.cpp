#include "elf/xz.h"

#include <lzma.h>

#include <memory>

namespace profd::elf {
namespace {

constexpr uint64_t kMaxDecoder = uint64_t{64} << 20;
constexpr size_t kMaxContent = size_t{64} << 20;
constexpr size_t kChunk = size_t{256} << 10;

}  // namespace

absl::StatusOr<std::string> Unxz(const Bytes& packed) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxDecoder, 0) != LZMA_OK) {
    return Error(absl::StatusCode::kInvalidArgument, "cannot start the xz decoder");
  }
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> ended(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();

  std::string content;
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK) {
    const size_t before = content.size();
    if (before >= kMaxContent) {
      return Error(absl::StatusCode::kInvalidArgument, "the xz stream gives more than {} bytes", kMaxContent);
    }
    content.resize(before + kChunk);
    stream.next_out = reinterpret_cast<uint8_t*>(content.data() + before);
    stream.avail_out = kChunk;
    result = lzma_code(&stream, LZMA_FINISH);
    content.resize(before + kChunk - stream.avail_out);
  }
  if (result != LZMA_STREAM_END) {
    return Error(absl::StatusCode::kInvalidArgument, "a broken xz stream (liblzma says {})", static_cast<int>(result));
  }
  return content;
}

}  // namespace profd::elf
