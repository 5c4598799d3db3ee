# Sourced by live.sh and scripts/record-dashboard.sh: Prometheus, the operators that it reads, and what the scenarios ask of both.

operations=docs/operations.md
dashboard=deploy/monitoring/dashboard.json
system=recording-callback-system
project=0123456789abcdef0123456789abcdef
ak=AKMONITORING
sk=MONITORING-TEST-SECRET-KEY-0000000001
patience=60
declare -A operators=() addresses=()

finish() {
    kill "${operators[@]}" ${prometheus_pid:-} ${cloud_pid:-} 2>/dev/null || true
    stop
}

# start_live: a control plane with two namespaces of tenants, a cloud, and a Prometheus.
start_live() {
    start_control_plane
    trap finish EXIT
    trap 'exit 130' INT TERM
    kubectl apply -f crds/ >/dev/null
    kubectl create namespace $system >/dev/null
    start_cloud "$work/cloud" --credential "$ak:$sk:$project"
    endpoint=$(value endpoint <"$work/cloud")
    tenant media
    tenant sports
    start_prometheus
}

# start_prometheus: with the alerts, whose minutes and hours become seconds, and the numbers that count time, too.
start_prometheus() {
    mkdir "$work/prometheus"
    cp tests/monitoring/prometheus.yml "$work/prometheus/"
    sed -E 's/for: .*/for: 1s/; s/\[(10m|15m|1h)\]/[20s]/; s/> 7200$/> 12/; s/> 30$/> 3/' \
        deploy/monitoring/alerts.yaml >"$work/prometheus/alerts.yaml"
    targets
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    prometheus=http://127.0.0.1:$port
    build/bin/prometheus --config.file="$work/prometheus/prometheus.yml" --storage.tsdb.path="$work/prometheus/data" \
        --web.listen-address="127.0.0.1:$port" >"$work/prometheus.log" 2>&1 &
    prometheus_pid=$!
}

# operator POD [FLAG...]: starts a replica that Prometheus reads.
operator() {
    local pod=$1
    shift
    start_operator "$pod" "$@"
    addresses[$pod]=$(listens "$pod")
    targets
}

start_operator() {
    local pod=$1 log=$work/operator-$1.log
    shift
    : >"$log"
    target/debug/recording-callback-operator run --listen="${listen:-127.0.0.1:0}" --allowed-endpoints="$endpoint" \
        --lease-namespace=$system --lease-duration=6s --resync-interval=5s --settle-time=6s --request-timeout=1s --secret-poll-interval=1s \
        "$@" >"$log" 2>&1 &
    operators[$pod]=$!
}

# restart POD: it dies, and starts again at its address, as a container of a pod does.
restart() {
    kill -9 "${operators[$1]}"
    wait "${operators[$1]}" || true
    listen=${addresses[$1]} operator "$1"
}

stop_operators() {
    local pod
    for pod in "${!operators[@]}"; do
        kill "${operators[$pod]}"
        wait "${operators[$pod]}" || true
    done
    operators=() addresses=()
    targets
}

# replace_operators FLAG...: by one that runs with these flags.
replace_operators() {
    stop_operators
    operator c "$@"
}

# listens POD: where it serves its metrics, as its log tells.
listens() {
    until sed -n 's/.*"listen":"\([^"]*\)".*/\1/p' "$work/operator-$1.log" | grep .; do
        kill -0 "${operators[$1]}"
        sleep 0.05
    done
}

leads() {
    grep -F '"message":"leading"' "$work/operator-$1.log"
}

# targets: tells Prometheus whom to read.
targets() {
    local pod
    for pod in "${!addresses[@]}"; do
        echo "- {targets: ['${addresses[$pod]}'], labels: {namespace: $system, pod: $pod}}"
    done >"$work/prometheus/targets.new"
    mv "$work/prometheus/targets.new" "$work/prometheus/targets.yaml"
}

# edit NAMESPACE APP WORD
edit() {
    kubectl patch rcb "$2" --namespace "$1" --type merge --patch '{"spec":{"notifyCallbackURL":"https://hooks.example.com/'"$3"'"}}' >/dev/null
}

# fault OPERATION STATUS CODE MESSAGE: so ends every such call, without being carried out.
fault() {
    control POST /faults "$(printf '{"operation":"%s","times":null,"commit":false,"answer":{"Reply":{"status":%s,"body":{"Json":{"error_code":"%s","error_msg":"%s"}}}}}' "$@")" >/dev/null
}

# ask QUERY: what Prometheus answers now.
ask() {
    build/bin/promtool query instant "$prometheus" "$1"
}

# shows QUERY: the answer is not empty, and no number in it is missing.
shows() {
    local answer
    answer=$(ask "$1")
    echo "$answer"
    [[ -n $answer && $answer != *NaN* ]]
}

# quiet: for ten seconds with metrics nothing fired.
quiet() {
    [[ -n $(ask 'count(recording_callback_build_info offset 10s) == 2') ]]
    equal "" "$(ask 'max_over_time(ALERTS{alertstate="firing"}[10s])')"
}

fires() {
    [[ -n $(ask "ALERTS{alertname=\"$1\",alertstate=\"firing\"}") ]]
}
paged() {
    eventually fires "$1"
}

# over ALERT...: none of them fires any more, or is about to.
over() {
    local IFS='|'
    eventually silent "$*"
}
silent() {
    equal "" "$(ask "ALERTS{alertname=~\"$1\"}")"
}

# looks ALERT: the commands and queries, one a line, that the runbook has one confirm the alert by.
looks() {
    python3 - "$1" $operations <<'PYTHON'
import re, sys
section = re.search(rf"^### {sys.argv[1]}\n(.*?)^##", open(sys.argv[2]).read(), re.S | re.M)[1]
confirm = re.search(r"^Confirm: .*?\n\n", section, re.S | re.M)[0]
for span in re.findall(r"`([^`]*)`", confirm):
    span = re.sub(r"\s+", " ", span)
    if re.match(r"kubectl \S+ \S+|\w+ by \(", span):
        print(span)
PYTHON
}

# confirmed ALERT PATTERN [REASON]: the looks work, and what they show matches the pattern.
confirmed() {
    local look count=0 shown=$work/shown
    : >"$shown"
    while read -r look; do
        look=${look//NAMESPACE/media}
        look=${look//NAME/one}
        look=${look//REASON/${3:-}}
        case $look in
            "kubectl logs "*) continue ;; # no pods here
            kubectl*) eval "$look" >>"$shown" 2>&1 ;;
            *) ask "$look" >>"$shown" ;;
        esac
        count=$((count + 1))
    done < <(looks "$1")
    cat "$shown"
    ((count > 0))
    grep -E "$2" "$shown"
}

# panels_show TYPE: the panels of this type have something to show; the one table is of kube-state-metrics.
panels_show() {
    local title query
    while IFS=$'\t' read -r title query; do
        check "the dashboard shows: $title" shows "$query"
    done < <(python3 - $dashboard "$1" <<'PYTHON'
import json, sys
for panel in json.load(open(sys.argv[1]))["panels"]:
    for target in panel.get("targets", []):
        if panel["type"] == sys.argv[2]:
            title = f'{panel["title"]} {target["legendFormat"]}'.strip()
            print(title, target["expr"].replace("$namespace", ".+").replace("$job", ".+"), sep="\t")
PYTHON
    )
}

refused_by_policy() {
    refused "nobody writes a status" kubectl patch rcb one --namespace media --subresource status --type merge \
        --patch '{"status":{"failures":99}}' --dry-run=server
}
