#include "process/cgroup.h"

#include <gtest/gtest.h>

namespace profd {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const std::string kPod = "11111111-2222-3333-4444-555555555555";

ContainerLabels V2(const std::string& path) { return ParseCgroup("0::" + path + "\n"); }

TEST(Cgroup, ContainersOfEachRuntimeHaveTheirId) {
  EXPECT_EQ(V2("/system.slice/docker-" + kId + ".scope").id, kId);
  EXPECT_EQ(V2("/docker/" + kId).id, kId);
  EXPECT_EQ(V2("/machine.slice/libpod-" + kId + ".scope/container").id, kId);
  EXPECT_EQ(V2("/system.slice/crio-" + kId + ".scope").id, kId);
  EXPECT_EQ(V2("/../../docker/" + kId + "/init.scope").id, kId);
  EXPECT_EQ(V2("/system.slice/docker-" + kId + ".scope").pod, "");
}

TEST(Cgroup, KubernetesPodsHaveTheirUidWithDashes) {
  const ContainerLabels systemd =
      V2("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice/"
         "cri-containerd-" +
         kId + ".scope");
  EXPECT_EQ(systemd.id, kId);
  EXPECT_EQ(systemd.pod, kPod);
  const ContainerLabels guaranteed =
      V2("/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/crio-" + kId + ".scope");
  EXPECT_EQ(guaranteed.id, kId);
  EXPECT_EQ(guaranteed.pod, kPod);
  const ContainerLabels cgroupfs = V2("/kubepods/besteffort/pod" + kPod + "/" + kId);
  EXPECT_EQ(cgroupfs.id, kId);
  EXPECT_EQ(cgroupfs.pod, kPod);
  const ContainerLabels mixed =
      V2("/system.slice/containerd.service/kubepods-burstable-pod"
         "11111111_2222_3333_4444_555555555555.slice:cri-containerd:" +
         kId);
  EXPECT_EQ(mixed.id, kId);
  EXPECT_EQ(mixed.pod, kPod);
}

TEST(Cgroup, StaticPodsHaveAHashAsUid) {
  EXPECT_EQ(V2("/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + kId).pod,
            "0123456789abcdef0123456789abcdef");
}

TEST(Cgroup, VersionOneNamesTheContainerInSomeHierarchies) {
  const ContainerLabels labels =
      ParseCgroup("12:pids:/user.slice/user-0.slice\n11:cpu,cpuacct:/\n10:memory:/kubepods/pod" + kPod + "/" + kId +
                  "\n1:name=systemd:/docker/" + kId + "\n0::/\n");
  EXPECT_EQ(labels.id, kId);
  EXPECT_EQ(labels.pod, kPod);
}

TEST(Cgroup, TheInnermostContainerCounts) {
  EXPECT_EQ(V2("/docker/" + kOther + "/docker/" + kId).id, kId);
  const ContainerLabels node_in_container =
      V2("/docker/" + kOther + "/kubelet/kubepods/pod" + kPod + "/cri-containerd-" + kId + ".scope");
  EXPECT_EQ(node_in_container.id, kId);
  EXPECT_EQ(V2("/docker/" + kOther + "/kubelet/kubepods/pod" + kPod).id, "");
}

TEST(Cgroup, HostProcessesAndTheRuntimesOwnAreInNone) {
  EXPECT_EQ(V2("/"), ContainerLabels{});
  EXPECT_EQ(V2("/user.slice/user-1000.slice/session-3.scope"), ContainerLabels{});
  EXPECT_EQ(V2("/system.slice/crio-conmon-" + kId + ".scope").id, "");
  EXPECT_EQ(V2("/machine.slice/libpod-conmon-" + kId + ".scope").id, "");
  EXPECT_EQ(V2("/system.slice/docker.service"), ContainerLabels{});
}

TEST(Cgroup, AUserCannotPassItsProcessesOffAsAPods) {
  EXPECT_EQ(V2("/user.slice/user-1000.slice/user@1000.service/kubepods/pod" + kPod + "/" + kId).pod, "");
}

TEST(Cgroup, GarbageIsNoContainer) {
  EXPECT_EQ(ParseCgroup(""), ContainerLabels{});
  EXPECT_EQ(ParseCgroup("\n\n::\n:::\n0:\n"), ContainerLabels{});
  EXPECT_EQ(V2("/docker-" + kId.substr(1) + ".scope"), ContainerLabels{});
  EXPECT_EQ(V2("/docker" + kId + ".scope"), ContainerLabels{});
  EXPECT_EQ(V2("/docker-" + kId.substr(1) + "G.scope"), ContainerLabels{});
  EXPECT_EQ(V2("/podX1111111-2222-3333-4444-555555555555/"), ContainerLabels{});
  EXPECT_EQ(V2("/pod11111111x2222-3333-4444-555555555555"), ContainerLabels{});
  EXPECT_EQ(V2("/kubepods-pod.slice/pod/kubepods-pod"), ContainerLabels{});
}

}  // namespace
}  // namespace profd
