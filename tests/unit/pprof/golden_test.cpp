// The bytes of a small profile. Stored and exported profiles depend on them: a field number or a label that changes
// makes old profiles unreadable, so this fails for every change of the format.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pprof/gzip.h"
#include "pprof/pprof.h"
#include "profile/profile_builder.h"

namespace profd::pprof {
namespace {

Profile Small() {
  ProfileBuilder builder;
  builder.SetTime(WallTime(std::chrono::nanoseconds(5)), std::chrono::nanoseconds(6), std::chrono::nanoseconds(7));
  const uint32_t mapping = builder.AddMapping({0x10, 0x20, 0x30, "/a", "bd"});
  const uint32_t function = builder.AddFunction({"f", "_f", "f.c", 8});
  const uint32_t location = builder.AddLocation({mapping, 0x11, {{function, 9}}});
  Sample sample{.tid = 12, .thread_name = "t", .count = 2, .stack_bytes = 64};
  sample.process = builder.AddProcess({11, 13, 14, "c", {"n", "i", "p", "s"}});
  sample.stack = {{location, location}, {{1, 1, 100, true}}, true};
  builder.AddSample(sample);
  return builder.Build();
}

/// A line for each field: its bytes, what it is.
constexpr std::string_view kGolden =
    "0a0408011002"                                      // sample type
    "0a0408031004"                                      // sample type
    "12730a030101021202020e"                            // sample: locations, values
    "1a04080b180b"                                      //   label pid
    "1a04080c100d"                                      //   label command
    "1a04080e100f"                                      //   label container
    "1a0408101011"                                      //   label container_id
    "1a0408121013"                                      //   label pod
    "1a0408141015"                                      //   label namespace
    "1a060816180d2004"                                  //   label start_time_ns
    "1a040817180e"                                      //   label exec_id
    "1a040818180c"                                      //   label tid
    "1a040819101a"                                      //   label thread
    "1a06081b1840201c"                                  //   label stack_bytes
    "1a04081d1801"                                      //   label truncated
    "1a06081e1865201f"                                  //   label recursion_depth
    "1a0408201864"                                      //   label recursion_repeats
    "1a0608211801201f"                                  //   label recursion_cycle_frames
    "1a06082218012023"                                  //   label recursion_estimated
    "1a12080110101820203028083009380140014801"          // mapping
    "220c080110011811220408011009"                      // location
    "2206080222020802"                                  // location
    "2a0a08011005180620072808"                          // function
    "2a040802100a"                                      // function
    "3200"                                              // ""
    "320773616d706c6573"                                // "samples"
    "3205636f756e74"                                    // "count"
    "3203637075"                                        // "cpu"
    "320b6e616e6f7365636f6e6473"                        // "nanoseconds"
    "320166"                                            // "f"
    "32025f66"                                          // "_f"
    "3203662e63"                                        // "f.c"
    "32022f61"                                          // "/a"
    "32026264"                                          // "bd"
    "320b5b726563757273696f6e5d"                        // "[recursion]"
    "3203706964"                                        // "pid"
    "3207636f6d6d616e64"                                // "command"
    "320163"                                            // "c"
    "3209636f6e7461696e6572"                            // "container"
    "32016e"                                            // "n"
    "320c636f6e7461696e65725f6964"                      // "container_id"
    "320169"                                            // "i"
    "3203706f64"                                        // "pod"
    "320170"                                            // "p"
    "32096e616d657370616365"                            // "namespace"
    "320173"                                            // "s"
    "320d73746172745f74696d655f6e73"                    // "start_time_ns"
    "3207657865635f6964"                                // "exec_id"
    "3203746964"                                        // "tid"
    "3206746872656164"                                  // "thread"
    "320174"                                            // "t"
    "320b737461636b5f6279746573"                        // "stack_bytes"
    "32056279746573"                                    // "bytes"
    "32097472756e6361746564"                            // "truncated"
    "320f726563757273696f6e5f6465707468"                // "recursion_depth"
    "32066672616d6573"                                  // "frames"
    "3211726563757273696f6e5f72657065617473"            // "recursion_repeats"
    "3216726563757273696f6e5f6379636c655f6672616d6573"  // "recursion_cycle_frames"
    "3213726563757273696f6e5f657374696d61746564"        // "recursion_estimated"
    "3204666c6167"                                      // "flag"
    "4805"                                              // time_nanos
    "5006"                                              // duration_nanos
    "5a0408031004"                                      // period type
    "6007"                                              // period
    "7003";                                             // default sample type

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

TEST(PprofGolden, BytesAreForever) {
  const absl::StatusOr<std::string> bytes = Gunzip(Encode(Small()), 1 << 20);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(Hex(*bytes), kGolden);
}

}  // namespace
}  // namespace profd::pprof
