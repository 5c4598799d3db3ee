#!/usr/bin/env bash
# Builds the control plane as build/bin/kube, or what a node runs as build/bin/node. KUBERNETES chooses the version by its
# minor: the one that go.mod pins when it is not set, another one from go-MINOR.mod, which becomes build/bin/kube-MINOR.
#
#   build.sh [kube|node]
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/build/bin
source ../tools/gobuild.sh

program=${1:-kube}
case $program in
    kube) name=Kubernetes main=. ;;
    node) name="Kubernetes node" main=./node ;;
    *) fail "unknown program '$program': kube or node" ;;
esac

pinned() {
    sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$1"
}

version=$(pinned go.mod)
default=$(cut -d. -f1,2 <<<"${version#v}")
minor=${KUBERNETES:-$default}
if [[ $minor == "$default" ]]; then
    modfile=go.mod
    output=$bin/$program
else
    modfile=go-$minor.mod
    output=$bin/$program-$minor
    [[ -f $modfile ]] || fail "KUBERNETES=$minor is not pinned here: $default is, and those of" go-*.mod
    version=$(pinned "$modfile")
fi

# What upstream's release build says of itself; kubectl and Helm refuse a server without it.
ldflags=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=${minor%.*} -X $package.gitMinor=${minor#*.}"
done
# The tags are upstream's too; they leave out what only tests need.
gobuild "$name $version" "$output" "$modfile" "$main" selinux,notest,grpcnotrace "$ldflags"
