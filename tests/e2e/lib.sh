# Sourced by run.sh: the cloud as pods see it, the release, and what the scenarios ask of both.

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
previous=$(<tests/e2e/previous)
chart=deploy/helm/recording-callback-operator
previous_chart=build/e2e/$previous/source/$chart
operator=target/debug/recording-callback-operator
system=recording-callback-system
rco=recording-callback-operator
project=0123456789abcdef0123456789abcdef
ak=E2ETESTAK
sk=E2E-TEST-SECRET-KEY-0000000000000001
patience=60

# The machine's address for pods, and the name that the cluster's DNS has for it.
cloud_address=10.243.0.1
cloud_name=live.cloud.svc.cluster.local
endpoint=https://$cloud_name

finish() {
    [[ -z ${cloud_pid:-} ]] || kill "$cloud_pid" 2>/dev/null || true
    stop
}

load_previous_image() {
    ctr --address "$work/node/containerd.sock" --namespace k8s.io images import "build/e2e/$previous/image/$rco.tar" >/dev/null
}

start_cloud_for_pods() {
    start_cloud "$work/cloud" --tls --name $cloud_name --listen $cloud_address:443 --credential "$ak:$sk:$project"
    value ca_pem <"$work/cloud" >"$work/ca.crt"
    sed "s/ADDRESS/$cloud_address/" tests/e2e/cloud.yaml | kubectl apply -f - >/dev/null
    kubectl create namespace $system --dry-run=client -o json | kubectl apply -f - >/dev/null
    kubectl label namespace $system pod-security.kubernetes.io/enforce=restricted >/dev/null
    kubectl create configmap cloud-ca --namespace $system --from-file=ca.crt="$work/ca.crt" >/dev/null
    tenant media
}

# becomes_ready NAMESPACE NAME: and that is true of the spec as it is now.
becomes_ready() {
    kubectl wait --namespace "$1" --for=condition=Ready "rcb/$2" --timeout=60s || {
        kubectl get --namespace "$1" "rcb/$2" --output jsonpath='{.status.conditions[?(@.type=="Ready")].message}'
        return 1
    }
}

# edit NAME [NAMESPACE]: changes the URL to one that was never there, and waits until the cloud has it.
edit() {
    local url=https://hooks.example.com/$1/edited-$RANDOM$RANDOM
    kubectl patch rcb "$1" --namespace "${2:-media}" --type merge --patch '{"spec":{"notifyCallbackURL":"'"$url"'"}}'
    becomes_ready "${2:-media}" "$1"
    equal "1" "$(rows | grep -c "$url")"
}

# mutations: how many creates, updates and deletes the cloud has carried out.
mutations() {
    control GET /mutations | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))'
}

release() {
    helm "$@" --namespace $system
}

settings=(--values tests/e2e/values.yaml)
previous_image=(--set "image.repository=localhost/$rco,image.pullPolicy=Never")

# holder: the pod that holds the Lease.
holder() {
    kubectl get lease $rco --namespace $system --output jsonpath='{.spec.holderIdentity}' | cut -d_ -f1
}

pods() {
    kubectl get pods --namespace $system --selector app.kubernetes.io/name=$rco --output "$@"
}

# both_ready: two pods are, and none is left that has to go.
both_ready() {
    kubectl rollout status deployment/$rco --namespace $system --timeout=60s
    eventually two_pods
}
two_pods() {
    equal "True True" "$(pods jsonpath='{.items[*].status.conditions[?(@.type=="Ready")].status}')"
}

runs_version() {
    equal "$1 $1" "$(pods jsonpath='{.items[*].spec.containers[0].image}' | sed 's/[^ ]*://g')"
}

# no_secrets: in the logs that the node has of the operator's pods, restarted ones too, which do tell of calls.
no_secrets() {
    local logs=("$work/node/pod-logs/${system}_$rco-"*/operator/*)
    grep -cF '"operation":"Update"' "${logs[@]}"
    equal "" "$(grep -lF "$sk" "${logs[@]}" || true)"
}

# looks: the commands of the runbook, alerts and all, that look at the operator's namespace; `--previous` needs a crash.
looks() {
    python3 - docs/operations.md <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read().split("## Install, upgrade, uninstall")[0]
spans = re.findall(r"`(kubectl [^`]*)`", text) + re.findall(r"^(kubectl .*)", text, re.M)
for span in spans:
    if "-n recording-callback-system" in span and "--previous" not in span:
        print(re.sub(r"\s+", " ", span))
PYTHON
}

# shown LOOK POD: what is filtered afterwards need not be there.
shown() {
    local command=${1%% | *}
    eval "${command//POD/$2}" >"$work/shown"
    cat "$work/shown"
    [[ -s $work/shown ]]
}
