#!/usr/bin/env bash
# Builds the operator as one file that needs no library, and prints the file's name: build-static.sh PLATFORM [SOURCE]
#
# PLATFORM is linux/amd64 or linux/arm64, SOURCE a directory with another state of this repository. glibc is part of the
# program; its resolver reads /etc/resolv.conf and /etc/hosts as in any other program. The list of crates that it is made of is
# part of it, too, for scanners (cargo auditable). The result does not depend on where the sources lie.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
platform=$1
source=$(cd "${2:-$here}" && pwd)

fail() {
    echo "error: $*" >&2
    exit 1
}

case $platform in
    linux/amd64) machine=x86_64 library=amd64 ;;
    linux/arm64) machine=aarch64 library=arm64 ;;
    *) fail "platform '$platform' is unknown: linux/amd64 or linux/arm64" ;;
esac
target=$machine-unknown-linux-gnu
if [[ $(uname -m) == "$machine" ]]; then
    linker=gcc packages="gcc libc6-dev"
else
    linker=$machine-linux-gnu-gcc packages="gcc-${machine//_/-}-linux-gnu libc6-dev-$library-cross"
fi

command -v cargo >/dev/null || fail "Rust is missing: install it and put cargo on PATH"
[[ -d $(rustc --print target-libdir --target "$target") ]] || fail "Rust can't build for $platform yet: rustup target add $target"
command -v "$linker" >/dev/null || fail "$linker is missing, which links for $platform; in Debian: apt-get install $packages"
[[ $("$linker" -print-file-name=libc.a) == /* ]] ||
    fail "the static C library (libc.a) for $platform is missing; in Debian: apt-get install $packages; in Fedora: glibc-static"
# Cargo tells two directories with the same package apart by the times of their files only, so another state has a target
# directory of its own. What both need of the registry is taken along, but nothing of the package itself.
if [[ $source != "$here" && ! -e $source/target && -d $here/target/$target ]]; then
    mkdir "$source/target"
    cp --recursive --preserve=mode,timestamps "$here/target/release" "$here/target/$target" "$source/target"
    rm -rf "$source/target/$target/release/.fingerprint/recording-callback-operator"-*
fi
"$here/scripts/cargo-tool.sh" cargo-auditable

linker_of_target=CARGO_TARGET_${target^^}_LINKER
# Some crates have C code, which is compiled anew when this changes: so it is always the same.
env "${linker_of_target//-/_}=$linker" SOURCE_DATE_EPOCH=0 \
    CARGO="$here/scripts/cargo-anywhere.sh" RUSTC_WRAPPER="$here/scripts/rustc-anywhere.sh" \
    CARGO_ENCODED_RUSTFLAGS=-Ctarget-feature=+crt-static CARGO_TARGET_DIR="$source/target" \
    "$here/build/bin/cargo-auditable" auditable build --release --locked --manifest-path "$source/Cargo.toml" --bin recording-callback-operator --target "$target" >&2
echo "$source/target/$target/release/recording-callback-operator"
