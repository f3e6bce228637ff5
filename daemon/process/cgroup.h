// From /proc/PID/cgroup to container labels. Pure.
#pragma once

#include <string_view>

#include "profile/profile.h"

namespace profd {

/// Container id and pod UID in the paths of cgroup v2 or v1 as Docker, containerd, CRI-O, Podman and the kubelet make
/// them, with the systemd driver or without. Containers in containers: the innermost. Empty where nothing fits; name
/// and namespace are not in there. The runtime's own processes (conmon) are in no container.
ContainerLabels ParseCgroup(std::string_view text);

}  // namespace profd
