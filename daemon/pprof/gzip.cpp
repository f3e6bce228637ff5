#include "pprof/gzip.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace profd::pprof {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  ///< zlib's way to say "gzip, largest window"
constexpr size_t kChunk = 64 * 1024;

const Bytef* Bytes(std::string_view bytes) { return reinterpret_cast<const Bytef*>(bytes.data()); }

struct Inflater {
  z_stream stream{};
  bool ok = inflateInit2(&stream, kGzipWindowBits) == Z_OK;
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = Bytes(bytes);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  // Sizes here are far below what zlib's 32-bit counters hold: a profile is bounded by the store.
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

absl::StatusOr<std::string> Gunzip(std::string_view bytes, size_t max_bytes) {
  Inflater inflater;
  if (!inflater.ok) return absl::ResourceExhaustedError("gzip: no memory");
  z_stream& stream = inflater.stream;
  std::string out;
  size_t size = 0;
  while (true) {
    stream.next_in = Bytes(bytes);
    stream.avail_in = static_cast<uInt>(std::min<size_t>(bytes.size(), 1 << 30));
    const uInt given = stream.avail_in;
    if (out.size() - size < kChunk) out.resize(std::min(max_bytes, std::max(out.size() * 2, kChunk)) + 1);
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + size;
    stream.avail_out = static_cast<uInt>(out.size() - size);
    const uInt room = stream.avail_out;
    const int result = inflate(&stream, Z_NO_FLUSH);
    bytes.remove_prefix(given - stream.avail_in);
    size += room - stream.avail_out;
    if (size > max_bytes) {
      return Error(absl::StatusCode::kInvalidArgument, "gzip: more than {} bytes when inflated", max_bytes);
    }
    if (result == Z_STREAM_END) {
      if (bytes.empty()) break;
      inflateReset(&stream);
    } else if (result != Z_OK) {
      return Error(absl::StatusCode::kInvalidArgument, "gzip: {}",
                   result == Z_BUF_ERROR   ? "ends too early"
                   : stream.msg != nullptr ? stream.msg
                                           : "damaged");
    }
  }
  out.resize(size);
  return out;
}

}  // namespace profd::pprof
