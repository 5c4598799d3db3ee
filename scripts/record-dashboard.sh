#!/usr/bin/env bash
# Records what the Grafana dashboard shows of a real run, for its picture in README.md: two replicas and a Prometheus that reads them,
# a control plane and a simulated cloud. Callbacks are made, two of them are removed by hand and repaired, the cloud throttles and
# refuses and both heal, and the other replica takes over. Takes three minutes. Needs build/bin/kube, build/bin/prometheus and the debug
# builds of operator and simulator.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/deploy/lib.sh
source tests/simulator/control.sh
source tests/simulator/objects.sh
source tests/monitoring/live-lib.sh

start_live

# reached PROGRESS QUERY: what the run waits for.
reached() {
    eventually shows "$2" || {
        echo "error: this was not reached: $1" >&2
        exit 1
    }
    echo "$1"
}
ready() { reached "$1" "sum(recording_callback_resources{reason=\"Available\"}) == $2"; }

operator operator-0
reached "a replica leads" 'sum(recording_callback_leader) == 1'
begin=$(date +%s)
operator operator-1
sleep 10
for app in one two three four five six; do callback media $app; sleep 2; done >/dev/null
for app in seven eight nine; do callback sports $app; done >/dev/null
ready "nine callbacks are made" 9
sleep 10

for id in $(rows | head -n 2 | cut -d' ' -f1); do control DELETE "/rows/$id" >/dev/null; done
control POST /rows '{"project_id":"'$project'","publish_domain":"push.example.com","app":"stray","fields":{"notify_callback_url":"https://hooks.example.com/"}}' >/dev/null
reached "two that were removed are repaired" 'sum(recording_callback_drift_repaired_total) == 2'
reached "a stray one is seen" 'max(recording_callback_unmanaged_callbacks) > 0'
sleep 10

fault Update 429 LIVE.100011007 "Too many requests"
for app in one two three four; do edit media $app throttled; done
reached "the cloud throttles" 'sum(recording_callback_api_requests_total{http_status="429"}) > 0'
sleep 15
control DELETE /faults >/dev/null
ready "that heals" 9
sleep 10

fault Create 400 LIVE.100011001 "Request Illegal"
for app in ten eleven twelve; do callback sports $app; done >/dev/null
reached "the cloud refuses" 'sum(recording_callback_resources{reason="RequestRejected"}) == 3'
sleep 10
control DELETE /faults >/dev/null
ready "that heals, too" 12
sleep 10

kill "${operators[operator-0]}"
wait "${operators[operator-0]}" || true
unset "operators[operator-0]" "addresses[operator-0]"
targets
reached "the other replica acts" 'sum(recording_callback_leader{pod="operator-1"}) == 1'
ready "and has read what there is" 12
sleep 15
python3 -B scripts/dashboard.py "$prometheus" "$begin" "$(date +%s)"
