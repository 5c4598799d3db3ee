#!/usr/bin/env bash
# Writes the mod file that pins one Kubernetes version: k8s.io/kubernetes, every staging module that it replaces by a
# path, and the etcd server that it was released with. Reads only what upstream's own go.mod says.
#
#   pin.sh 1.34.4 go.mod          the default version
#   pin.sh 1.37.2 go-1.37.mod     another one, built with KUBERNETES=1.37
set -euo pipefail
cd "$(dirname "$0")"

if [[ $# -ne 2 ]]; then
    echo "usage: pin.sh VERSION MODFILE   (for instance: pin.sh 1.37.2 go-1.37.mod)" >&2
    exit 2
fi
version=${1#v}
modfile=$2
staging=v0.${version#*.}

elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
upstream=$(cd "$elsewhere" && go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",\{0,1\}$/\1/p')
etcd=$(sed -n 's|^\tgo.etcd.io/etcd/client/v3 ||p' "$upstream" | cut -d' ' -f1)

{
    echo "// Written by pin.sh $version $modfile: change the version there, not here."
    echo
    echo "module recording-callback-operator/tests/cluster"
    echo
    sed -n '/^go /p; /^godebug /p' "$upstream" | sed 's/$/\n/'
    echo "require ("
    echo "	go.etcd.io/etcd/server/v3 $etcd"
    sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\1|p' "$upstream" | grep -E '/(component-base|kubectl|client-go)$' | sed "s/.*/	& $staging/"
    echo "	k8s.io/kubernetes v$version"
    echo ")"
    echo
    echo "replace ("
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\t\1 => \1 $staging|p" "$upstream"
    echo ")"
} >"$modfile"
go mod tidy -modfile="$modfile"
