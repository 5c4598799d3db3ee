#!/usr/bin/env bash
# Builds the tools of the tests into build/bin, each from the version that its go.mod pins: Helm (when nothing is named),
# Helm 3, Prometheus, promtool, actionlint, kubeconform, Krew.
#
#   build.sh [helm|helm3|prometheus|promtool|actionlint|kubeconform|krew]
set -euo pipefail
cd "$(dirname "$0")"
bin=$(cd ../.. && pwd)/build/bin
source ./gobuild.sh

tool=${1:-helm}
case $tool in
    helm) module=helm.sh/helm/v4 directory=. ;;
    helm3) module=helm.sh/helm/v3 directory=helm3 ;;
    # Without the clients of all clouds, where Prometheus finds its targets: the tests name theirs.
    prometheus | promtool) module=github.com/prometheus/prometheus directory=prometheus tags=remove_all_sd ;;
    actionlint) module=github.com/rhysd/actionlint directory=actionlint tags='' ;;
    kubeconform) module=github.com/yannh/kubeconform directory=kubeconform tags='' ;;
    krew) module=sigs.k8s.io/krew directory=krew tags='' ;;
    *) fail "unknown tool '$tool': helm, helm3, prometheus, promtool, actionlint, kubeconform or krew" ;;
esac
cd "$directory"
version=$(sed -n "s|^\t$module \(v[0-9.]*\).*|\1|p" go.mod)

flags="-X $module/internal/version.version=$version"
case $tool in
    helm) gobuild "Helm $version" "$bin/helm" go.mod "$module/cmd/helm" "" "$flags" ;;
    helm3)
        # What Kubernetes it takes for granted where there is none: that of the client it is built with, as in its releases.
        minor=$(sed -n 's|^\tk8s.io/client-go v0\.\([0-9]*\)\..*|\1|p' go.mod)
        for package in pkg/lint/rules pkg/chartutil; do
            flags+=" -X $module/$package.k8sVersionMajor=1 -X $module/$package.k8sVersionMinor=$minor"
        done
        gobuild "Helm $version" "$bin/helm3" go.mod "$module/cmd/helm" "" "$flags"
        ;;
    *) gobuild "$tool $version" "$bin/$tool" go.mod "$module/cmd/$tool" "$tags" "" ;;
esac
