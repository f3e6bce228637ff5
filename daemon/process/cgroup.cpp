#include "process/cgroup.h"

#include <algorithm>
#include <string>

namespace profd {
namespace {

constexpr size_t kContainerIdLength = 64;
constexpr size_t kUuidLength = 36;
constexpr size_t kStaticPodIdLength = 32;  // a hash, for pods that come from a file of the node

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool AllHex(std::string_view text) { return std::all_of(text.begin(), text.end(), IsHex); }

/// "docker-<id>.scope", "kubepods-...slice:cri-containerd:<id>", "libpod-<id>", "<id>"
std::string_view ContainerId(std::string_view segment) {
  if (segment.ends_with(".scope")) segment.remove_suffix(6);
  if (segment.size() < kContainerIdLength) return {};
  const std::string_view prefix = segment.substr(0, segment.size() - kContainerIdLength);
  const std::string_view id = segment.substr(prefix.size());
  if (!AllHex(id)) return {};
  if (prefix.empty()) return id;
  if (prefix.back() != '-' && prefix.back() != ':') return {};
  return prefix.ends_with("conmon-") ? std::string_view() : id;
}

/// With dashes; empty when it is none. The systemd driver writes them as underscores, as a dash nests slices.
std::string PodUid(std::string_view text) {
  if (text.size() == kStaticPodIdLength && AllHex(text)) return std::string(text);
  if (text.size() != kUuidLength) return {};
  std::string uid(text);
  for (size_t i = 0; i < uid.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (uid[i] != '-' && uid[i] != '_') return {};
      uid[i] = '-';
    } else if (!IsHex(uid[i])) {
      return {};
    }
  }
  return uid;
}

/// "pod<uid>", "kubepods-burstable-pod<uid>.slice", the latter with ":cri-containerd:<id>" after it
std::string PodOfSegment(std::string_view segment) {
  segment = segment.substr(0, segment.find(':'));
  if (segment.ends_with(".slice")) segment.remove_suffix(6);
  if (segment.starts_with("pod")) return PodUid(segment.substr(3));
  if (!segment.starts_with("kubepods")) return {};
  const size_t pod = segment.rfind("-pod");
  return pod == std::string_view::npos ? std::string() : PodUid(segment.substr(pod + 4));
}

ContainerLabels ParsePath(std::string_view path) {
  // Users may name the groups below their own as they like, so those of a rootless kubelet are not believed either.
  const bool of_user = path.starts_with("/user.slice/");
  ContainerLabels labels;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (std::string pod = of_user ? "" : PodOfSegment(segment); !pod.empty()) {
      labels.pod = std::move(pod);
      labels.id.clear();  // what stood before is the container that the node itself runs in
    }
    if (const std::string_view id = ContainerId(segment); !id.empty()) labels.id = id;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return labels;
}

int Score(const ContainerLabels& labels) { return (labels.id.empty() ? 0 : 2) + (labels.pod.empty() ? 0 : 1); }

}  // namespace

ContainerLabels ParseCgroup(std::string_view text) {
  ContainerLabels best;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // hierarchy:controllers:path; only the path may hold further colons
    for (int field = 0; field < 2; ++field) {
      const size_t colon = line.find(':');
      line.remove_prefix(colon == std::string_view::npos ? line.size() : colon + 1);
    }
    if (ContainerLabels labels = ParsePath(line); Score(labels) > Score(best)) best = std::move(labels);
  }
  return best;
}

}  // namespace profd
