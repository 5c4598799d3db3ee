#!/usr/bin/env bash
# A Kubernetes node with its control plane on this machine, without a container engine: kubelet, containerd, runc, a bridge
# for pods, kube-proxy, DNS and enforced NetworkPolicies. Runs until its standard input ends. All of it, daemons, mounts,
# interfaces, firewall rules, is in namespaces of its own, which go with it: nothing is left on the machine.
#
#   run.sh DIR
#
# Once the node is ready it prints one line: {"kubeconfig": ..., "dir": ...}. From the machine, pods (10.244.0.0/24), Services
# (10.96.0.0/16) and the API server can be reached; the machine is 10.243.0.1 for pods. Images are put in with
# `ctr --address DIR/containerd.sock --namespace k8s.io images import`. Needs root, and what build.sh makes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(realpath -m "${1:?usage: run.sh DIR}")

fail() {
    echo "error: $*" >&2
    exit 1
}
[[ $EUID -eq 0 ]] || fail "a node needs root: it makes namespaces, mounts and interfaces"
[[ -x $here/../../build/bin/node ]] || fail "build/bin/node does not exist: run tests/node/build.sh"
# The addresses are the same for every node.
exec 8>/run/lock/recording-callback-node
flock --wait 900 8 || fail "another node runs on this machine"

# The kernel takes its time to remove a network that is gone, with the end of the wire that is outside of it.
remove_wire() {
    ip link delete rcb-node 2>/dev/null || true
}

mkdir -p "$dir"
remove_wire # of a node that was killed
exec 9</proc/self/ns/net
unshare --net --mount --pid --ipc --uts --fork --kill-child --mount-proc --propagation private \
    "$here/inside.sh" "$dir" <&0 8>&- &
node=$!
# unshare itself is deaf to anything else while it waits.
trap 'kill -KILL "$node" 2>/dev/null' TERM INT HUP

code=0
wait "$node" || code=$?
while kill -0 "$node" 2>/dev/null; do wait "$node" || code=$?; done

remove_wire
# What pods were put into stays when they are gone.
for group in /sys/fs/cgroup{,/*}/{kubepods,k8s.io}; do
    [[ ! -d $group ]] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
done
exit "$code"
