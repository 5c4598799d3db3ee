# Sourced by check.sh: a control plane of its own, and checks that are counted and reported as TAP.

work=$(mktemp -d)
# Neither plug-ins nor settings of whoever runs the checks may decide them.
export HELM_CACHE_HOME=$work/helm/cache HELM_CONFIG_HOME=$work/helm/config HELM_DATA_HOME=$work/helm/data
export KUBECACHEDIR=$work/kubectl-cache
unset HELM_NAMESPACE HELM_KUBECONTEXT KUBECONFIG

helm() {
    "${HELM:-build/bin/helm}" "$@"
}

# The control plane, and kubectl.
kube=${KUBE_BIN:-build/bin/kube}

kubectl() {
    "$kube" kubectl "$@"
}

# start_cluster COMMAND...: a cluster that lives as long as this shell holds its standard input, and announces its
# kubeconfig on one line.
start_cluster() {
    local ready
    # The shell forgets a coprocess that has ended.
    coproc KUBE { exec "$@" 2>"$work/cluster.log"; }
    cluster=$KUBE_PID
    trap stop EXIT
    if ! read -r -t 180 -u "${KUBE[0]}" ready; then
        cat "$work/cluster.log" >&2
        echo "error: the cluster did not become ready" >&2
        exit 1
    fi
    KUBECONFIG=$(sed -n 's/.*"kubeconfig": *"\([^"]*\)".*/\1/p' <<<"$ready")
    export KUBECONFIG
}

start_control_plane() {
    start_cluster "$kube" run --stop-on-stdin-eof
}

stop() {
    kill "$cluster" 2>/dev/null || true
    wait "$cluster" 2>/dev/null || true
    rm -rf "$work"
}

checks=0
failures=0

# try COMMAND...: runs it in a shell of its own, where the first failing command ends a function; sets `code`. It must not be
# part of a condition: there (`if`, `until`, `||`, `!`) bash disregards `set -e`, in functions and subshells too.
try() {
    set +e
    (set -e; "$@")
    code=$?
    set -e
}

# check NAME COMMAND...: passes if the command succeeds; what it printed is shown if it does not.
check() {
    local name=$1 verdict=ok
    shift
    checks=$((checks + 1))
    try "$@" >"$work/output" 2>&1
    if ((code != 0)); then
        verdict="not ok"
        failures=$((failures + 1))
    fi
    echo "$verdict $checks - $name"
    [[ $verdict == ok ]] || sed 's/^/# /' "$work/output"
}

# refused SENTENCE COMMAND...: the command fails and says this.
refused() {
    local sentence=$1 said
    shift
    try "$@" >"$work/said" 2>&1
    said=$(<"$work/said")
    if ((code == 0)); then
        echo "succeeded: $*"
        return 1
    fi
    grep -qF -- "$sentence" <<<"$said" || {
        echo "did not say \"$sentence\" but: $said"
        return 1
    }
}

# eventually COMMAND...: the command succeeds within 30 s, or as many as `patience` says.
eventually() {
    local deadline=$((SECONDS + ${patience:-30}))
    while true; do
        try "$@" >"$work/attempt" 2>&1
        ((code != 0)) || return 0
        if ((SECONDS >= deadline)); then
            cat "$work/attempt"
            return 1
        fi
        sleep 0.2
    done
}

# equal EXPECTED ACTUAL: shows the difference.
equal() {
    diff -u --label expected --label actual <(echo "$1") <(echo "$2")
}

summary() {
    echo "1..$checks"
    if ((failures > 0)); then
        echo "error: $failures of $checks deployment checks failed" >&2
        exit 1
    fi
}
