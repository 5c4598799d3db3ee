#!/usr/bin/env bash
# Makes the bundle for the Operator Lifecycle Manager from the Helm chart, and lets operator-framework's own validators judge it.
#
#   bundle.sh OUTPUT [IMAGE]      the directory to write, and the operator's image with its tag or digest
#
# SOURCE_URL names the place of the source. Needs Go and build/bin/helm.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=recording-callback-operator
chart=deploy/helm/$name
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
image=${2:-image.invalid/$name:$version}
mkdir -p "$(dirname "$1")"
output=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

values=(--set "image.repository=${image%:*}" --set "image.tag=${image##*:}")
[[ $image != *@* ]] || values=(--set "image.repository=${image%@*}" --set "image.digest=${image#*@}")
# The manager makes the ServiceAccount; users and groups are the platform's.
build/bin/helm template $name $chart --skip-tests --namespace $name "${values[@]}" --set openshift=true,rbac.aggregate=false,podDisruptionBudget.enabled=false |
    sed -e '/^# Source: /d' -e '/^ *app.kubernetes.io\/managed-by: Helm$/d' -e '/^ *helm.sh\//d' |
    (cd deploy/olm && go run . --version "$version" --source "${SOURCE_URL:-https://git.example.com/$name}" --output "$output" \
        --description description.md --icon icon.svg --example ../examples/minimal.yaml)
