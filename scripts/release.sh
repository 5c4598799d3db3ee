#!/usr/bin/env bash
# Makes all that a release consists of, in build/release, for one platform (this machine's, or the first argument):
#
#   the program; its image as `docker save` writes it and as an OCI layout; its bill of materials (CycloneDX)
#   the chart; the bundle for the Operator Lifecycle Manager; install.yaml; the CRD; monitoring/ and policies/
#   the JSON schema of a manifest; the man pages; an archive of the program, and the manifest by which Krew installs it as kubectl rcb
#   LICENSE, CHANGELOG.md, and SHA256SUMS over all of it
#
# REGISTRY is where publish.sh will push image and chart, as ghcr.io/owner: chart, install.yaml and bundle then name the image there. SOURCE_URL is
# where the source can be read, as https://github.com/owner/recording-callback-operator: alerts link to its page of this version.
#
# The same commit, made with the same Rust, Go and C compiler, gives the same bytes: every time in it is that of the commit.
# Needs build/bin/helm.
set -euo pipefail
cd "$(dirname "$0")/.."

[[ $(uname -m) == aarch64 ]] && platform=linux/arm64 || platform=linux/amd64
platform=${1:-$platform}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
name=recording-callback-operator
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git show --no-patch --format=%ct HEAD)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
release=$work/release
built=$release/$name-$version-${platform/\//-}
mkdir "$release"

program=$(scripts/build-static.sh "$platform")
cp "$program" "$built"

deploy/image/build.sh --platform "$platform" --binary "$program" --output "$work/image"
mv "$work/image/$name.tar" "$built.docker.tar"
tar --create --file "$built.oci.tar" --directory "$work/image/oci" --format=ustar --sort=name \
    --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX --mtime="@$SOURCE_DATE_EPOCH" .

# In a copy, since it writes beside every Cargo.toml. Where the copy lay is nobody's business.
scripts/cargo-tool.sh cargo-cyclonedx
mkdir "$work/source"
cp --recursive --parents Cargo.toml Cargo.lock src tests/simulator/Cargo.toml tests/simulator/src "$work/source"
case $platform in linux/amd64) machine=x86_64 ;; *) machine=aarch64 ;; esac
build/bin/cargo-cyclonedx cyclonedx --quiet --manifest-path "$work/source/Cargo.toml" --target $machine-unknown-linux-gnu \
    --format json --spec-version 1.5 --override-filename bom
sed "s|$work/source||; s|?download_url=file://[^\"]*||" "$work/source/bom.json" >"$built.cdx.json"

# packed FILE DIRECTORY FILE...: an archive that is the same each time.
packed() {
    tar --create --directory "$2" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
        --mtime="@$SOURCE_DATE_EPOCH" "${@:3}" | gzip --no-name >"$1"
}
mkdir "$work/plugin"
install "$program" "$work/plugin/$name"
cp LICENSE "$work/plugin"
packed "$built.tar.gz" "$work/plugin" $name LICENSE
scripts/krew.sh "$release"

# A page for each command, by a program of this machine.
mkdir "$work/man"
cargo run --quiet --locked -- man >"$work/man/$name.1"
cargo run --quiet --locked -- --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' >"$work/commands"
while read -r command; do
    cargo run --quiet --locked -- man "$command" >"$work/man/$name-$command.1" </dev/null
done <"$work/commands"
packed "$release/$name-$version-man.tar.gz" "$work/man" .

cp --recursive deploy/install.yaml crds/*.yaml deploy/schema/*.json deploy/monitoring deploy/policies LICENSE CHANGELOG.md "$release"
cp --recursive deploy/helm/$name "$work/$name"
# What only a release knows: its images, and what changed in it.
{
    printf '  artifacthub.io/images: |\n    - name: operator\n      image: %s\n' "${REGISTRY:-registry.example.com}/$name:$version"
    printf '  artifacthub.io/changes: |\n'
    awk -v version="$version" -f scripts/changes.awk CHANGELOG.md
} >>"$work/$name/Chart.yaml"
if [[ -n ${REGISTRY:-} ]]; then
    sed -i "s|^  repository: \"\"$|  repository: $REGISTRY/$name|" "$work/$name/values.yaml" "$work/$name/files/values.yaml"
    sed -i -e '/^# No public registry/,/^#   images:/d' -e "s|image\.invalid/$name|$REGISTRY/$name|" "$release/install.yaml"
fi
if [[ -n ${SOURCE_URL:-} ]]; then
    sed -i "s|https://git.example.com/$name|$SOURCE_URL|g" "$work/$name/Chart.yaml"
    sed -i "s|docs/operations.md#|$SOURCE_URL/blob/v$version/docs/operations.md#|" "$release/monitoring/alerts.yaml"
fi
# The packaged chart keeps the times of its files.
find "$work/$name" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
build/bin/helm package "$work/$name" --destination "$release" >/dev/null

deploy/olm/bundle.sh "$work/bundle" "${REGISTRY:-image.invalid}/$name:$version"
tar --create --file "$release/$name-$version-bundle.tar" --directory "$work/bundle" --format=ustar --sort=name \
    --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX --mtime="@$SOURCE_DATE_EPOCH" .

(cd "$release" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)

rm -rf build/release
mv "$release" build/release
echo "The release of $version for $platform is in build/release:"
(cd build/release && find . -type f -printf '  %P\n' | LC_ALL=C sort)
