// The pprof format (proto/pprof/profile.proto): encode, decode, validate.
//
// Folds: the frames of a cycle stand once, a constant frame `[recursion]` follows them (on the root side), and the
// sample's numeric labels carry the numbers, one value a fold in order: `recursion_repeats`, `recursion_cycle_frames`,
// `recursion_estimated` (0 or 1); `recursion_depth` is the depth of the whole stack, in frames. Other labels, where
// they say something: `pid`, `tid`, `thread`, `goroutine`, `command`, `container`, `pod`, `namespace`; `container_id`,
// `start_time_ns`, `exec_id`, `stack_bytes` and `truncated` (1) so that Decode(Encode(p)) equals p. Labels that the
// program has set are text labels of their own name, behind `label.` if it is one of these.
//
// A location without symbols gets a function of its own that is called as frame_name.h says (`[unknown]
// libfoo.so+0x1234 (build ID ...)`): a location without lines is one row `[libfoo.so]` for the whole file in pprof's
// tools. Decode takes it away again.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "profile/profile.h"

namespace profd::pprof {

/// Gzipped profile.proto; sample types `samples/count` and `cpu/nanoseconds`. Byte-equal for equal profiles. Texts that
/// are no UTF-8 become so (base/utf8.h): strict readers refuse a whole profile for one thread's name.
std::string Encode(const Profile& profile);

/// Reads what Encode wrote, and profiles of other tools as far as they have counts and stacks (gzipped or not), in the
/// form that ProfileBuilder::Build gives. InvalidArgument names what is wrong. Hostile input is refused beyond 64 MiB
/// inflated, or beyond what parses into about 256 MiB.
absl::StatusOr<Profile> Decode(std::string_view bytes);

/// OK if the bytes are a valid profile by the format's own rules (indices in range, ids unique and not 0, string 0
/// empty).
absl::Status Validate(std::string_view bytes);

}  // namespace profd::pprof
