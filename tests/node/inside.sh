#!/usr/bin/env bash
# The first process of a node, started by run.sh in namespaces of its own: it sets them up, starts the daemons one after
# the other, and ends, and all with it, when standard input ends or one of them dies.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/build/bin
dir=$1
server=https://10.244.0.1:6443
export KUBECONFIG=$dir/admin.kubeconfig
# Neither proxies nor settings of whoever starts the node may matter.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

source ./machine.sh
source ./control-plane.sh

# daemon NAME COMMAND...: starts it, with a log of its own.
daemon() {
    local name=$1
    shift
    "$@" >"$dir/logs/$name.log" 2>&1 </dev/null 9>&- &
    names[$!]=$name
}
names=()

# until_true WHAT COMMAND...: the command succeeds within two minutes, while all daemons live.
until_true() {
    local what=$1 deadline=$((SECONDS + 120)) pid
    shift
    until "$@" >"$dir/logs/attempt" 2>&1; do
        for pid in "${!names[@]}"; do
            kill -0 "$pid" 2>/dev/null || died "$pid"
        done
        if ((SECONDS > deadline)); then
            tail -n 20 "$dir/logs/attempt" >&2
            echo "error: $what: not within two minutes; see $dir/logs" >&2
            exit 1
        fi
        sleep 0.1
    done
}

died() {
    echo "error: ${names[$1]} died; the end of $dir/logs/${names[$1]}.log:" >&2
    tail -n 20 "$dir/logs/${names[$1]}.log" >&2
    exit 1
}

kubectl() {
    "$bin/kube" kubectl "$@"
}

node_is_ready() {
    kubectl wait --for=condition=Ready node/node0 --timeout=1s
}

policies_are_enforced() {
    iptables --list KUBE-ROUTER-FORWARD
}

# A program of build/bin as an image of one layer.
import_program() {
    ./image.py "localhost/$1:1" "$bin/$1" >"$dir/$1.tar"
    ctr --address "$dir/containerd.sock" --namespace k8s.io images import "$dir/$1.tar" >/dev/null
    rm "$dir/$1.tar"
}

mkdir -p "$dir/logs" "$dir/cni"
for file in containerd.toml kubelet.yaml kube-proxy.yaml; do
    sed "s|@DIR@|$dir|g" "config/$file" >"$dir/$file"
done
sed "s|@DIR@|$dir|g" config/cni.conflist >"$dir/cni/pods.conflist"
echo "nameserver 127.0.0.1" >"$dir/resolv.conf"

private_machine
private_network
credentials
daemon containerd containerd --config "$dir/containerd.toml"
start_control_plane
until_true "containerd" ctr --address "$dir/containerd.sock" version
import_program pause
import_program coredns

daemon kubelet "$bin/node" kubelet --config "$dir/kubelet.yaml" --kubeconfig "$dir/kubelet.kubeconfig" \
    --hostname-override node0 --node-ip 10.244.0.1 --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet/pki"
daemon kube-proxy "$bin/node" kube-proxy --config "$dir/kube-proxy.yaml" --hostname-override node0
until_true "the node is ready" node_is_ready
# It gives up, and no policy is ever enforced, where the node is not known yet.
daemon kube-router "$bin/kube-router" --kubeconfig "$dir/admin.kubeconfig" --hostname-override node0 \
    --run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false \
    --service-cluster-ip-range 10.96.0.0/16 --health-port 0 --metrics-port 0
until_true "NetworkPolicies are enforced" policies_are_enforced
kubectl apply -f config/dns.yaml >"$dir/logs/dns.log"
until_true "DNS answers" kubectl -n kube-system rollout status deployment/coredns --timeout=1s
printf '{"kubeconfig": "%s", "dir": "%s"}\n' "$dir/admin.kubeconfig" "$dir"

cat <&0 >/dev/null &
names[$!]=input
wait -n -p ended "${!names[@]}" || true
[[ ${names[$ended]} == input ]] || died "$ended"
