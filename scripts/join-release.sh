#!/usr/bin/env bash
# Joins the releases that were made for two platforms into build/release, or where RELEASE says: what both have must be the same to the last byte.
#
#   join-release.sh DIRECTORY DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."

release=${RELEASE:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What names the platforms is made anew of both.
sums() {
    cat "${parts[@]/%//SHA256SUMS}" | grep -v ' krew-rcb.yaml$'
}
parts=("$@")
for part in "$@"; do
    (cd "$part" && sha256sum --check --strict --quiet SHA256SUMS)
done
# Two checksums of one file are two lines that differ.
LC_ALL=C sort --unique --key=2 <(sums) >"$work/once"
LC_ALL=C sort --unique <(sums) >"$work/all"
if [[ $(wc -l <"$work/once") != "$(wc -l <"$work/all")" ]]; then
    echo "error: the platforms have made different files of one name:" >&2
    awk '{ print $2 }' "$work/all" | sort | uniq --repeated >&2
    exit 1
fi
rm -rf "$release"
mkdir -p "$release"
for part in "$@"; do
    cp --recursive "$part/." "$release"
done
scripts/krew.sh "$release"
(cd "$release" && sha256sum krew-rcb.yaml) >>"$work/once"
LC_ALL=C sort --key=2 "$work/once" >"$release/SHA256SUMS"
