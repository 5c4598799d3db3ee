#!/usr/bin/env bash
# Checks the release in build/release: that all of it belongs together, and that what it says of itself is true.
#
# Needs build/bin/helm, and the machine that the release is for.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
trap 'rm -rf "$work"' EXIT

operator=recording-callback-operator
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
release=build/release
[[ $(uname -m) == aarch64 ]] && machine=arm64 || machine=amd64
program=$release/$operator-$version-linux-$machine
chart=$release/$operator-$version.tgz
here=tests/release

every_file_is_listed() {
    equal "$(find $release -type f -not -name SHA256SUMS -printf '%P\n' | sort)" "$(cut -c67- $release/SHA256SUMS | sort)"
}
check "every file is in SHA256SUMS" every_file_is_listed
check "with its checksum" env --chdir=$release sha256sum --check --strict SHA256SUMS

check "the program runs and is of version $version" equal "$operator $version" "$(chmod +x "$program" && "$program" --version)"
check "it needs no library" equal "" "$(readelf --wide --program-headers "$program" | sed -n '/INTERP/p')"
crd_is_the_program_s() {
    "$program" crd | diff - $release/recordingcallbacks.live.huaweicloud.com.yaml
}
check "the CRD is what it prints" crd_is_the_program_s
schema_is_the_program_s() {
    "$program" crd --json-schema | diff - $release/recordingcallback_v1alpha1.json
}
check "so is the JSON schema" schema_is_the_program_s
check "Krew installs it as a plugin of kubectl" $here/krew.sh $release
pages() {
    tar --list --file "$release/$operator-$version-man.tar.gz" | grep -c '\.1$'
}
check "each command has a man page" equal "$("$program" --help | sed -n '/^Commands:/,/^$/p' | grep -c '^  [a-z]')" "$(($(pages) - 1))"

# same TOOL FILE FILE: the tool prints the same of both files.
same() {
    "$here/$1" "$2" >"$work/first"
    "$here/$1" "$3" >"$work/second"
    diff "$work/first" "$work/second"
}
# names FILE: the crates of the lock file in which it is all about.
names() {
    "$here/crates.py" "$1" >"$work/crates"
    grep -x "$operator $version" "$work/crates"
    grep -x "$(sed -n '/^name = "kube"$/,/^version/s/.*= "\(.*\)"/\1/p' Cargo.lock | xargs)" "$work/crates"
    ! grep -E '^(proptest|live-simulator) ' "$work/crates"
}
check "the program lists the crates that it is made of, without those of tests" names "$program"
check "so does the bill of materials" names "$program.cdx.json"
check "they are the same" same crates.py "$program" "$program.cdx.json"
check "no path of this machine is in the bill of materials" refused "" grep -E "$PWD|/tmp/|file:///[^#]" "$program.cdx.json"
check "nor in the program" refused "" grep -aF -e "${CARGO_HOME:-$HOME/.cargo}/" -e "$PWD/" "$program"

# holds ARCHIVE LINE: an image's archive holds a file, or has a label.
holds() {
    "$here/image.py" "$1" >"$work/image"
    grep -xF -- "$2" "$work/image"
}
for archive in "$program.docker.tar" "$program.oci.tar"; do
    check "the program is in ${archive##*/}" holds "$archive" "$(sha256sum <"$program" | cut -d' ' -f1) $operator"
    check "which says its version" holds "$archive" "org.opencontainers.image.version=$version"
done
check "both hold the same" same image.py "$program.docker.tar" "$program.oci.tar"

chart_says() {
    equal "$2" "$(helm show chart "$chart" | sed -n "s/^$1: //p")"
}
check "the chart is of version $version" chart_says version "$version"
check "and of that program" chart_says appVersion "$version"
# What Artifact Hub shows of it: the image by its version, and each change of this version with its kind.
hub_is_told() {
    helm show chart "$chart" >"$work/hub"
    grep "^ *image: .*/$operator:$version$" "$work/hub"
    equal "$(awk -v version="$version" '/^## /{on = index($0, "[" version "]")} on && /^- /' CHANGELOG.md | wc -l)" "$(grep -c '^ *- kind: \(added\|changed\|fixed\|removed\|deprecated\|security\)$' "$work/hub")"
}
check "Artifact Hub is told the image and what changed" hub_is_told
chart_installs_the_image() {
    helm template "$operator" "$chart" --set image.repository=r.example.com/$operator | grep -F "image: \"r.example.com/$operator:$version\""
}
bundle_installs_it() {
    tar -xOf "$release/$operator-$version-bundle.tar" ./manifests/$operator.clusterserviceversion.yaml | grep "^ *image: .*/$operator:$version$"
}
check "it installs the image of version $version" chart_installs_the_image
check "so does the bundle for the Operator Lifecycle Manager" bundle_installs_it
check "so does install.yaml" grep -F "/$operator:$version\"" $release/install.yaml
summary
