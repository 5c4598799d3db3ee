#!/usr/bin/env bash
# Builds Helm as build/bin/helm, from the version that go.mod pins; `build.sh helm3` builds Helm 3 as build/bin/helm3.
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/build/bin
source ./gobuild.sh

case ${1:-helm} in
    helm) module=helm.sh/helm/v4 ;;
    helm3) module=helm.sh/helm/v3 && source_dir=helm3 ;;
    *) fail "unknown tool '$1': helm or helm3" ;;
esac
cd "${source_dir:-.}"
version=$(sed -n "s|^\t$module \(v[0-9.]*\).*|\1|p" go.mod)

gobuild "Helm $version" "$bin/${1:-helm}" go.mod "$module/cmd/helm" "" "-X $module/internal/version.version=$version"
