#!/usr/bin/env bash
# The operator at work, told as a story: a real Kubernetes control plane, a simulated cloud, the examples of deploy/examples.
# Everything runs on this machine's loopback interface and is gone at the end. Needs what `make build build/bin/kube` builds.
# With TEST_KUBECONFIG set, that cluster serves instead (the namespace "recording-demo" and the CRD are made there).
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/simulator/control.sh

work=$(mktemp -d)
operator=target/debug/recording-callback-operator
cloud_pid='' operator_pid='' receiver_pid=''
namespace=recording-demo

finish() {
    local code=$?
    [[ -z $receiver_pid ]] || kill "$receiver_pid" 2>/dev/null || true
    [[ -z $operator_pid ]] || kill "$operator_pid" 2>/dev/null || true
    [[ -z $cloud_pid ]] || kill "$cloud_pid" 2>/dev/null || true
    wait 2>/dev/null || true
    if [[ -n ${TEST_KUBECONFIG:-} ]]; then
        kubectl delete namespace $namespace --ignore-not-found --wait=false >/dev/null 2>&1 || true
    else
        build/bin/kube down --dir "$work/cluster" >/dev/null 2>&1 || true
    fi
    if ((code != 0)); then
        echo "The demo failed. The end of the operator's log:" >&2
        tail -n 20 "$work/operator.log" >&2 || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
chapter() { printf '\n%s%s%s\n\n' "$bold" "$1" "$plain"; }
# run COMMAND...: shows a command as one would type it, and runs it.
run() {
    local word shown='$'
    for word; do
        [[ $word != *[\ {}\"\?]* ]] || word="'$word'"
        shown+=" $word"
    done
    echo "$shown"
    "$@"
}
kubectl() { build/bin/kube kubectl "$@"; }
wait_until() { kubectl wait --for="$1" "rcb/$2" -n $namespace --timeout=60s; }
# The calls that the cloud has seen since the last time, one a line.
seen=0
calls() {
    echo "The cloud saw:"
    control GET /calls | python3 -c '
import json,sys
for call in json.load(sys.stdin):
    if call["seq"] > int(sys.argv[1]):
        code = call["error_code"] or ""
        print("  %-6s %-90s %s %s" % (call["method"], call["target"].replace("0123456789abcdef0123456789abcdef", "{project_id}"), call["status"], code))' "$seen"
    seen=$(control GET /calls | python3 -c 'import json,sys; print(max([c["seq"] for c in json.load(sys.stdin)] or [0]))')
}
show() { run kubectl get rcb "$1" -n $namespace -o "jsonpath=$2"; echo; }

chapter "A Kubernetes control plane (etcd, API server, controller manager) and a simulated Huawei Cloud Live"
if [[ -n ${TEST_KUBECONFIG:-} ]]; then
    export KUBECONFIG=$TEST_KUBECONFIG
    echo "the cluster of $KUBECONFIG"
else
    export KUBECONFIG
    KUBECONFIG=$(build/bin/kube up --dir "$work/cluster" | value kubeconfig)
    run kubectl version | sed -n 's/^Server Version/Kubernetes/p'
fi
start_cloud "$work/cloud" --credential EXAMPLEAK-REPLACE-ME:EXAMPLE-SECRET-KEY-REPLACE-ME:0123456789abcdef0123456789abcdef
endpoint=$(value endpoint <"$work/cloud")
echo "the cloud listens at $endpoint"

chapter "1. Install: the resource definition, then the operator (here as a process beside the cluster)"
run kubectl apply -f crds/recordingcallbacks.live.huaweicloud.com.yaml
kubectl create namespace $namespace >/dev/null
$operator run --namespaces $namespace --allowed-endpoints "$endpoint" --leader-elect=false --listen 127.0.0.1:0 \
    --secret-poll-interval 2s --log-format text >"$work/operator.log" 2>&1 &
operator_pid=$!
echo "the operator runs"

chapter "2. Credentials: a Secret in the namespace, and where this demo's cloud is"
run kubectl apply -n $namespace -f deploy/examples/credentials.yaml
kubectl patch secret huaweicloud -n $namespace --type merge -p "{\"stringData\":{\"live_endpoint\":\"$endpoint\"}}" >/dev/null

chapter "3. Declare a callback"
run cat deploy/examples/minimal.yaml
run kubectl apply -n $namespace -f deploy/examples/minimal.yaml
wait_until condition=Ready minimal
run kubectl get rcb -n $namespace
echo
echo "The outcome of the create, with the request id that the cloud's support asks for:"
show minimal '{.status.lastOperation}'
calls

chapter "4. The same for every application of the domain, and signed notifications"
run kubectl apply -n $namespace -f deploy/examples/every-app.yaml -f deploy/examples/signed.yaml
wait_until condition=Ready every-app
wait_until condition=Ready signed
run kubectl get rcb -n $namespace -o wide
calls

chapter "5. The cloud answers 400: told, requeued, healed"
echo "The simulated cloud will refuse the next two creates, as the real one does while an ingest domain is being set up."
control POST /faults '{"operation":"Create","times":2,"commit":false,"answer":{"Reply":{"status":400,"body":{"Json":{"error_code":"LIVE.100011001","error_msg":"Request Illegal","error_detail":"the domain is being configured"}}}}}' >/dev/null
sed 's/name: minimal/name: refused/; s/app: live/app: refused/' deploy/examples/minimal.yaml >"$work/refused.yaml"
run kubectl apply -n $namespace -f "$work/refused.yaml"
kubectl wait --for=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'=RequestRejected rcb/refused -n $namespace --timeout=60s >/dev/null
show refused '{.status.conditions[?(@.type=="Ready")].message}'
show refused 'failures: {.status.failures}, next attempt: {.status.nextAttemptTime}'
echo "Nobody does anything. It is tried again after 5 s, then after 10 s:"
wait_until condition=Ready refused
run kubectl get events -n $namespace --field-selector involvedObject.name=refused -o custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message
calls

chapter "6. An edit is one update"
run kubectl patch rcb minimal -n $namespace --type merge -p '{"spec":{"notifyCallbackURL":"https://hooks.example.com/other"}}'
kubectl wait --for=jsonpath='{.status.remote.notifyCallbackURL}'=https://hooks.example.com/other rcb/minimal -n $namespace --timeout=60s >/dev/null
show minimal '{.status.remote}'
calls

chapter "7. A delete removes the callback at the cloud, then the object"
run kubectl delete rcb every-app minimal refused -n $namespace --timeout=60s
calls

chapter "8. A recording starts and completes: the cloud tells the receiver, which verifies what it is told"
kubectl get secret hooks -n $namespace -o 'jsonpath={.data.sign}' | base64 -d >"$work/key"
echo '$ recording-callback-operator serve-notifications --key-file key --namespace '$namespace
$operator serve-notifications --listen 127.0.0.1:0 --key-file "$work/key" --namespace $namespace \
    >"$work/received" 2>"$work/receiver.log" &
receiver_pid=$!
until grep -q '^receiving at' "$work/receiver.log"; do
    kill -0 "$receiver_pid"
    sleep 0.05
done
receiver=$(sed -n 's/^receiving at //p' "$work/receiver.log")
run kubectl patch rcb signed -n $namespace --type merge -p '{"spec":{"notifyCallbackURL":"'"$receiver"'/record"}}'
kubectl wait --for=jsonpath='{.status.remote.notifyCallbackURL}'="$receiver/record" rcb/signed -n $namespace --timeout=60s >/dev/null
signed=$(kubectl get rcb signed -n $namespace -o 'jsonpath={.status.callbackID}')
echo "A stream is recorded. The cloud posts, signed with the key of the Secret:"
for event in RECORD_NEW_FILE_START RECORD_FILE_COMPLETE RECORD_OVER; do
    control POST "/notify/$signed" '{"event":"'$event'","stream":"concert"}' >/dev/null
done
echo "Somebody else posts, too, without the key:"
request POST "$receiver/record" '{"event_type":"RECORD_OVER","publish_domain":"push.example.com","app":"signed","stream":"forged","auth_timestamp":4102444800,"auth_sign":"00"}' >/dev/null 2>&1 || true
echo "The receiver has printed:"
sed 's/^/  /; s/: the signature is not one.*of Live | /  (refused)  /' "$work/received"
[[ $(grep -c '^Genuine RECORD_' "$work/received") == 3 && $(grep -c '^Wrong' "$work/received") == 1 ]]
kill "$receiver_pid"
wait "$receiver_pid"
receiver_pid=''

kubectl delete rcb signed -n $namespace --timeout=60s >/dev/null
echo
echo "Callbacks left at the cloud: $(control GET /rows | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')"
