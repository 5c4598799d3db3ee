# Sourced by the build scripts: builds one Go program of a pinned module, once. The stamp of a finished build is a hash
# of all that goes into it; when it is still the same, nothing is done. Go's own caches do the rest.

# Read now: who sources this file by a relative name may go elsewhere before it builds.
gobuild_itself=$(sha256sum <"${BASH_SOURCE[0]}")

# fail MESSAGE: says what is wrong and ends the build.
fail() {
    echo "error: $*" >&2
    exit 1
}

# need_go MODFILE PROGRAM: Go must be there and new enough, unless it fetches a newer toolchain by itself.
need_go() {
    local need have
    need=$(sed -n 's/^go //p' "$1")
    command -v go >/dev/null || fail "Go is missing: $2 is built from source with Go $need or newer; install it and put it on PATH"
    have=$(go env GOVERSION) || fail "'go env' fails: the Go installation at $(command -v go) is broken"
    if [[ $(printf '%s\n' "$need" "${have#go}" | sort -V | head -n 1) != "$need" && $(go env GOTOOLCHAIN) == local ]]; then
        fail "Go is too old: $2 is built from source with Go $need or newer, but $(command -v go) is ${have#go}"
    fi
}

# elapsed: the time since the build began.
elapsed() {
    printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60))
}

# with_progress PROGRAM WHAT COMMAND...: runs a command and says every 15 s how far it is; its last lines when it fails.
# WHAT may be a function: it is called with the name of the file that the command writes to.
with_progress() {
    local program=$1 what=$2 log=$work/log job shown=$SECONDS
    shift 2
    "$@" >"$log" 2>&1 &
    job=$!
    # A background command of a script does not see Ctrl-C.
    trap 'kill "$job" 2>/dev/null' INT TERM
    while kill -0 "$job" 2>/dev/null; do
        if ((SECONDS - shown >= 15)); then
            echo "$program: $("$what" "$log"), $(elapsed)"
            shown=$SECONDS
        fi
        sleep 0.5
    done
    if ! wait "$job"; then
        tail -n 30 "$log" >&2
        fail "$program cannot be built; the lines above say why"
    fi
    trap - INT TERM
}

fetching() {
    echo "fetching modules"
}

compiling() {
    echo "$(wc -l <"$1") packages compiled, of at most $packages"
}

# gobuild PROGRAM OUTPUT MODFILE PACKAGE TAGS LDFLAGS: builds a package of the module in the current directory.
gobuild() (
    program=$1 output=$2 modfile=$3 package=$4 tags=$5 ldflags=$6
    need_go "$modfile" "$program"
    # The environment's own wishes would make another program than the stamp says.
    export CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false
    stamp=$(dirname "$output")/../stamps/$(basename "$output")
    mkdir -p "$(dirname "$output")" "$(dirname "$stamp")"
    if command -v flock >/dev/null; then
        exec 9>"$stamp.lock"
        flock 9
    fi
    inputs=$(
        {
            echo "$@"
            go env GOVERSION GOOS GOARCH
            find . -name '*.go' -not -name '*_test.go' -o -path "./$modfile" -o -path "./${modfile%.mod}.sum" | LC_ALL=C sort | xargs sha256sum
            echo "$gobuild_itself"
        } | sha256sum | cut -d' ' -f1
    )
    if [[ -x $output && -f $stamp && $(<"$stamp") == "$inputs" ]]; then
        echo "$program: up to date"
        exit
    fi

    SECONDS=0
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "$program: building from source (takes minutes the first time)"
    with_progress "$program" fetching go list -modfile="$modfile" -tags="$tags" -deps "$package"
    packages=$(wc -l <"$work/log")
    with_progress "$program" compiling \
        go build -modfile="$modfile" -v -trimpath -tags="$tags" -ldflags="-s -w $ldflags" -o "$output.new" "$package"
    mv "$output.new" "$output"
    echo "$inputs" >"$stamp"
    echo "$program: built in $(elapsed)"
)
