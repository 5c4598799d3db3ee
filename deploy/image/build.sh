#!/usr/bin/env bash
# Builds the operator's image, without a container engine, into build/image: recording-callback-operator.tar as `docker save`
# writes it (for one platform only), and oci, an OCI layout. The image's name and digest are printed.
#
#   build.sh [option...]
#     --platform PLATFORM[,PLATFORM]  linux/amd64, linux/arm64 or both; this machine's when absent
#     --repository NAME               without a tag; recording-callback-operator when absent
#     --tag TAG                       the version in the source's Cargo.toml when absent
#     --push                          push it to the repository, with the credentials of `docker login`
#     --binary FILE                   put this static program in, for one platform, and build none
#     --source DIR                    another state of this repository, of which the image is
#     --revision COMMIT               the commit of that source
#     --output DIR                    where to write to
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$root/tests/tools/gobuild.sh"

[[ $(uname -m) == aarch64 ]] && platforms=linux/arm64 || platforms=linux/amd64
repository=recording-callback-operator tag='' push=() binary='' source=$root revision='' output=$root/build/image
while (($# > 0)); do
    option=$1
    shift
    if [[ $option == --push ]]; then
        push=(--push)
        continue
    fi
    (($# > 0)) || fail "$option needs a value"
    case $option in
        --platform) platforms=$1 ;;
        --repository) repository=$1 ;;
        --tag) tag=$1 ;;
        --binary) binary=$(realpath "$1") ;;
        --source) source=$(realpath "$1") ;;
        --revision) revision=$1 ;;
        --output) output=$(realpath --canonicalize-missing "$1") ;;
        *) fail "unknown option '$option'; the head of $0 lists them" ;;
    esac
    shift
done
need_go "$here/go.mod" "the image"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/Cargo.toml")
# The image's time is that of the commit, or that of SOURCE_DATE_EPOCH, so that the same source gives the same image.
if [[ -z $revision && $source == "$root" ]]; then
    revision=$(git -C "$root" rev-parse HEAD 2>/dev/null || true)
fi
created=${SOURCE_DATE_EPOCH:-$(git -C "$root" show --no-patch --format=%ct "${revision:-none}" 2>/dev/null || echo 0)}
if [[ -n $revision && $source == "$root" && -n $(git -C "$root" status --porcelain) ]]; then
    revision+=-modified
fi

programs=()
for platform in ${platforms//,/ }; do
    file=${binary:-$("$root/scripts/build-static.sh" "$platform" "$source")}
    programs+=(--program "$platform=$file")
done
mkdir -p "$root/build/bin"
GOWORK=off CGO_ENABLED=0 GOFLAGS='' go build -C "$here" -o "$root/build/bin/image" .
"$root/build/bin/image" "${programs[@]}" --version "$version" --revision "$revision" --created "$created" \
    --name "$repository:${tag:-$version}" --output "$output" "${push[@]}"
