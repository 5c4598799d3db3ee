#!/usr/bin/env bash
# Publishes a release to a registry on this machine and uses it from there: image and chart are found by what publish.sh prints, and the
# chart installs that image. What is released is made of a program that does nothing, unless RELEASE names a release.
#
# Needs Go and build/bin/helm.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
trap 'rm -rf "$work"' EXIT

operator=recording-callback-operator
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
GOWORK=off go build -C tests/release/registry -o "$work/registry" .
coproc REGISTRY { exec "$work/registry"; }
read -r -t 20 -u "${REGISTRY[0]}" address
registry=$address/media

# sums DIRECTORY: of all that is in it.
sums() {
    (cd "$1" && rm -f SHA256SUMS && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
}
# What scripts/release.sh makes on each platform, as far as it is published.
stand_in() {
    mkdir -p "$work/program"
    printf 'package main\n\nfunc main() {}\n' >"$work/program/main.go"
    cp -r "deploy/helm/$operator" "$work/chart"
    sed -i "s|^  repository: \"\"$|  repository: $registry/$operator|" "$work/chart/values.yaml" "$work/chart/files/values.yaml"
    for machine in amd64 arm64; do
        mkdir "$work/$machine"
        CGO_ENABLED=0 GOARCH=$machine GOWORK=off go build -ldflags=-s -o "$work/$machine/$operator-$version-linux-$machine" "$work/program/main.go"
        tar --create --gzip --file "$work/$machine/$operator-$version-linux-$machine.tar.gz" --directory "$work/program" main.go
    done
    helm package "$work/chart" --destination "$work/amd64"
    cp "$work/amd64/$operator-$version.tgz" "$work/arm64"
    sums "$work/amd64"
    sums "$work/arm64"
}
joined() {
    RELEASE=$work/release scripts/join-release.sh "$work/amd64" "$work/$1"
}
both_are_in_it() {
    (cd "$work/release" && sha256sum --check --strict SHA256SUMS)
    equal "amd64 arm64" "$(sed -n 's/^ *arch: //p' "$work/release/krew-rcb.yaml" | xargs)"
    equal "$(find "$work/release" -type f -not -name SHA256SUMS -printf '%f\n' | sort)" "$(cut -c67- "$work/release/SHA256SUMS" | sort)"
}
other() {
    cp -r "$work/arm64" "$work/other"
    echo >>"$work/other/$operator-$version.tgz"
    sums "$work/other"
}
published() {
    RELEASE=$work/release scripts/publish.sh "$registry" >"$work/references"
    grep -xE "image=$registry/$operator@sha256:[0-9a-f]{64}" "$work/references"
    grep -xE "chart=$registry/charts/$operator@sha256:[0-9a-f]{64}" "$work/references"
}
# manifest REFERENCE: what the registry holds there.
manifest() {
    python3 - "$1" <<'PYTHON'
import sys, urllib.request
host, _, rest = sys.argv[1].partition("/")
name, _, reference = rest.replace("@", " ").partition(" ") if "@" in rest else rest.rpartition(":")
accept = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json"
request = urllib.request.Request(f"http://{host}/v2/{name}/manifests/{reference}", headers={"Accept": accept})
print(urllib.request.urlopen(request).read().decode())
PYTHON
}
reference() {
    sed -n "s/^$1=//p" "$work/references"
}
both_platforms() {
    manifest "$(reference image)" >"$work/index"
    equal "amd64 arm64" "$(grep -o '"architecture": *"[a-z0-9]*"' "$work/index" | cut -d'"' -f4 | sort | xargs)"
}
chart_by_digest() {
    manifest "$(reference chart)" | grep -F application/vnd.cncf.helm.chart.content.v1.tar+gzip
}
chart_installs_it() {
    helm template $operator "oci://$registry/charts/$operator" --version "$version" --plain-http >"$work/rendered"
    equal "$registry/$operator:$version" "$(sed -n 's/^ *image: "\(.*\)"$/\1/p' "$work/rendered" | sort -u)"
    equal "$(manifest "$registry/$operator:$version")" "$(<"$work/index")"
}
# What is pulled is what was released: each blob has its digest, and in the layers there is the program; the chart is the very file.
chart_is_the_released() {
    mkdir "$work/pulled"
    helm pull "oci://$registry/charts/$operator" --version "$version" --plain-http --destination "$work/pulled"
    cmp "$work/release/$operator-$version.tgz" "$work/pulled/$operator-$version.tgz"
}
image_is_the_released() {
    tests/release/pulled.py "$(reference image)" >"$work/pulled.txt"
    for machine in amd64 arm64; do
        grep -x "$machine $(sha256sum <"$work/release/$operator-$version-linux-$machine" | cut -d' ' -f1) $operator" "$work/pulled.txt"
    done
}
damaged() {
    cp -r "$work/release" "$work/damaged"
    echo >>"$work/damaged/$operator-$version.tgz"
    RELEASE=$work/damaged scripts/publish.sh "$registry"
}
check "a release, made on two platforms" stand_in
check "is joined" joined arm64
check "whole, with its checksums" both_are_in_it
check "one of which another chart came is another" other
check "and is not joined" refused "the platforms have made different files of one name" joined other
check "is published, and its references are told" published
check "the image serves both platforms" both_platforms
check "the chart is there by its digest" chart_by_digest
check "installed by the registry's name alone, it runs that image" chart_installs_it
check "the chart that is pulled is the released one" chart_is_the_released
check "so is the image, for each platform" image_is_the_released
check "a release that is damaged is not published" refused "FAILED" damaged
summary
