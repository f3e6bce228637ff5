// Profiles as text and pictures for people.
#pragma once

#include <string>

#include "profile/profile.h"

namespace profd {

/// `root;...;leaf count` a line, sorted; a folded cycle stands once with `[recursion xN]` after it (`[recursion ~xN]`
/// when estimated). Kernel functions end in `_[k]`; frames without a symbol are called as frame_name.h says. With
/// several programs in the profile, the first frame is the command. `;` and control characters in names are replaced.
std::string RenderFolded(const Profile& profile);

/// A self-contained flame graph, the root at the bottom: one SVG; hover shows name and share, a click zooms, Ctrl-F or
/// the button searches. Frames as in the folded text; those narrower than a tenth of a pixel are left out. Everything
/// foreign in it is escaped.
std::string RenderFlameSvg(const Profile& profile);

/// speedscope's file format, one profile of type "sampled" with weights in nanoseconds (in ticks where the period is
/// not known) (https://www.speedscope.app/file-format-schema.json).
std::string RenderSpeedscope(const Profile& profile);

}  // namespace profd
