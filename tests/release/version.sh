#!/usr/bin/env bash
# Checks that one version is said everywhere: that of Cargo.toml. Needs nothing that is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
trap 'rm -rf "$work"' EXIT

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
chart=deploy/helm/recording-callback-operator/Chart.yaml

# says WHAT FILE EXPRESSION: all that the expression of sed finds in a file is the version.
says() {
    check "$1 is $version" equal "$version" "$(sed -n "s/$3/\1/p" "$2" | sort -u)"
}
says "the chart's version" $chart '^version: \(.*\)'
says "the chart's appVersion" $chart '^appVersion: \(.*\)'
for file in deploy/install.yaml deploy/kustomize/base/operator.yaml; do
    says "the image's tag in $file" $file '^ *image: ".*:\(.*\)"'
    says "the label in $file" $file '^ *app.kubernetes.io\/version: \(.*\)'
done
says "the image's tag in deploy/examples/receiver.yaml" deploy/examples/receiver.yaml '^ *image: ".*:\(.*\)"'
check "the newest entry of CHANGELOG.md is $version" \
    equal "$version" "$(sed -n 's/^## \[\(.*\)\] - [0-9]\{4\}-[0-9]\{2\}-[0-9]\{2\}$/\1/p' CHANGELOG.md | sed -n 1p)"
summary
