#!/usr/bin/env bash
# Builds what a node is made of, once: kubelet, kube-proxy and scheduler of the control plane's own version (build/bin/node),
# kube-router, which enforces NetworkPolicies, CoreDNS, and the pause container; and installs what it needs of Debian.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/build/bin
source ../tools/gobuild.sh

packages=(containerd runc containernetworking-plugins iptables conntrack nftables ipset iproute2 openssl)
programs=(containerd ctr runc iptables conntrack nft ipset ip openssl /usr/lib/cni/bridge)

missing() {
    local program
    for program in "${programs[@]}"; do
        command -v "$program" >/dev/null || return 0
    done
    return 1
}
if missing; then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "a node needs these packages of Debian: ${packages[*]}"
    fi
    echo "installing ${packages[*]}"
    (apt-get update -q && apt-get install -q -y --no-install-recommends "${packages[@]}") >"$bin/../apt.log" 2>&1 || {
        tail -n 20 "$bin/../apt.log" >&2
        fail "the packages cannot be installed; the lines above say why"
    }
fi

../cluster/build.sh node
(cd kube-router && gobuild kube-router "$bin/kube-router" go.mod github.com/cloudnativelabs/kube-router/v2/cmd/kube-router "" "")
(cd coredns && gobuild CoreDNS "$bin/coredns" go.mod . "" "")
(cd pause && gobuild "pause container" "$bin/pause" go.mod . "" "")
