# Sourced by inside.sh: what makes the namespaces look like a machine of their own, without a trace on the real one.

private_machine() {
    local setting
    # The file system of the devices shows the network of who mounted it, and hides the cgroups.
    mkdir -p "$dir/cgroup"
    mount --rbind /sys/fs/cgroup "$dir/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$dir/cgroup" /sys/fs/cgroup
    for directory in /run /var/lib /var/log /opt; do
        mount -t tmpfs tmpfs "$directory"
    done
    # The kubelet sets these for the whole machine.
    for setting in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
        cat "/proc/sys/$setting" >"$dir/${setting#*/}"
        mount --bind "$dir/${setting#*/}" "/proc/sys/$setting"
    done
    hostname node0
}

# outside COMMAND...: in the network of the machine.
outside() {
    nsenter --net=/proc/self/fd/9 "$@"
}

private_network() {
    ip link set lo up
    outside ip link add rcb-node type veth peer name uplink netns $$
    outside ip address add 10.243.0.1/30 dev rcb-node
    outside ip link set rcb-node up
    ip address add 10.243.0.2/30 dev uplink
    ip link set uplink up
    outside ip route add 10.244.0.0/24 via 10.243.0.2
    outside ip route add 10.96.0.0/16 via 10.243.0.2
    ip route add default via 10.243.0.1
    # The bridge of the pods, with the address of the API server, which must be there before the first pod is.
    ip link add pods0 type bridge
    ip address add 10.244.0.1/24 dev pods0
    ip link set pods0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward
}
