#!/usr/bin/env bash
# Pushes a release that `make release` has made: the image, for each platform whose program is there, and the chart as an OCI artifact.
# Prints what there is to sign: `image=NAME@DIGEST` and `chart=NAME@DIGEST`. Credentials are those of `docker login`.
#
#   publish.sh REGISTRY      as ghcr.io/owner, for ghcr.io/owner/recording-callback-operator and ghcr.io/owner/charts
#
# RELEASE names another directory than build/release. Needs Go and build/bin/helm.
set -euo pipefail
cd "$(dirname "$0")/.."

registry=$1
release=${RELEASE:-build/release}
name=recording-callback-operator
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
[[ -f $release/SHA256SUMS ]] || { echo "error: there is no release in $release: make release" >&2; exit 1; }
(cd "$release" && sha256sum --check --strict --quiet SHA256SUMS)

programs=()
for machine in amd64 arm64; do
    program=$release/$name-$version-linux-$machine
    if [[ -f $program ]]; then programs+=(--program "linux/$machine=$program"); fi
done
created=${SOURCE_DATE_EPOCH:-$(git show --no-patch --format=%ct HEAD)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOWORK=off CGO_ENABLED=0 GOFLAGS='' go build -C deploy/image -o "$work/image" .
image=$("$work/image" "${programs[@]}" --version "$version" --revision "$(git rev-parse HEAD)" --created "$created" \
    --name "$registry/$name:$version" --output "$work/built" --push | tail -n 1)
echo "image=${image%:*@*}@${image##*@}"

# A registry on this machine speaks no TLS.
plain=()
[[ ! $registry =~ ^(localhost|127\.0\.0\.1)(:|/|$) ]] || plain=(--plain-http)
build/bin/helm push "$release/$name-$version.tgz" "oci://$registry/charts" "${plain[@]}" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
echo "chart=$registry/charts/$name@$(sed -n 's/^Digest: //p' "$work/said")"
