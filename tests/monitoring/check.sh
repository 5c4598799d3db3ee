#!/usr/bin/env bash
# shellcheck disable=SC2016  # the backticks in patterns are Markdown's
# Checks what people are paged by: that alerts fire when they should and only then, that alerts and dashboard ask for
# metrics and reasons that there are, and that each alert has a section in docs/operations.md, each reason a line.
#
# Needs build/bin/promtool.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
trap 'rm -rf "$work"' EXIT

alerts=deploy/monitoring/alerts.yaml
dashboard=deploy/monitoring/dashboard.json
operations=docs/operations.md
chart=deploy/helm/recording-callback-operator

promtool() {
    build/bin/promtool "$@"
}
# same LIST LIST: two lists of words, in any order.
same() {
    [[ -n $1 ]] && equal "$(sort -u <<<"$1")" "$(sort -u <<<"$2")"
}
# among LIST LIST: every word of the first is in the second.
among() {
    [[ -n $1 ]] && equal "" "$(comm -23 <(sort -u <<<"$1") <(sort -u <<<"$2"))"
}

check "the alerts are well-formed" promtool check rules --lint=all --lint-fatal $alerts
check "each alert fires when it should, and only then" promtool test rules tests/monitoring/alerts_test.yaml
names=$(sed -n 's/^ *- alert: //p' $alerts)
tested=$(grep -o 'alertname="[A-Za-z]*"' tests/monitoring/alerts_test.yaml | cut -d'"' -f2)
check "each alert has a test" same "$names" "$tested"
# No input is known that causes a panic.
walked=$(sed -n 's/.* paged \(RecordingCallback[A-Za-z]*\)$/\1/p' tests/monitoring/live.sh)
check "each alert is walked through" same "$(grep -v Panic$ <<<"$names")" "$walked"
check "the chart has the same alerts" cmp $alerts $chart/files/alerts.yaml
check "the chart has the same dashboard" cmp $dashboard $chart/files/dashboard.json

# The metrics that are exposed, with those that Prometheus makes of a histogram; a test of the program holds
# docs/metrics.md to what it exposes.
documented=$(sed -n 's/^| `\(recording_callback_[a-z_]*\)` | \([a-z]*\) .*/\1 \2/p' docs/metrics.md |
    awk '{ print $1 } $2 == "histogram" { print $1 "_bucket"; print $1 "_count"; print $1 "_sum" }')
prefix=$(sed -n 's/.*metricNamePrefix: //p' deploy/monitoring/kube-state-metrics.yaml)
per_object=$(sed -n "s/^ *- name: /${prefix}_/p" deploy/monitoring/kube-state-metrics.yaml)
metrics_in() {
    grep -o 'recording_callback_[a-z_]*' "$@" | sort -u
}
check "the alerts ask for metrics that there are" among "$(metrics_in $alerts)" "$documented"
check "the alerts' tests speak of metrics that there are" among "$(metrics_in tests/monitoring/alerts_test.yaml)" "$documented"
check "the runbook names metrics that there are" among "$(metrics_in $operations)" "$documented"
check "the dashboard asks for metrics that there are" among "$(metrics_in $dashboard)" "$documented"$'\n'"$per_object"
check "the dashboard shows every metric" among "$(grep -v '_\(bucket\|count\|sum\|read_only\)$' <<<"$documented" | sed 's/_seconds$//')" \
    "$(metrics_in $dashboard | sed 's/_bucket$//; s/_seconds$//')"

# queries: the dashboard's, with something in the place of Grafana's variables.
queries() {
    python3 - $dashboard <<'PYTHON'
import json, sys
for panel in json.load(open(sys.argv[1]))["panels"]:
    for target in panel.get("targets", []):
        print(target["expr"].replace("$namespace", "media").replace("$job", "operator"))
PYTHON
}
queries_parse() {
    local query
    [[ $(queries | wc -l) -gt 15 ]]
    while read -r query; do
        promtool --experimental promql format "$query"
    done < <(queries)
}
check "the dashboard's queries can be parsed" queries_parse

reasons=$(sed -n 's/^            Self::[A-Za-z]* => "\([A-Za-z]*\)",$/\1/p' src/plan/facts/reason.rs)
asked=$(grep -oh 'reason!\?=~\?\\*"[A-Za-z|]*' $alerts $dashboard | cut -d'"' -f2 | tr '|' '\n')
check "alerts and dashboard ask for reasons that there are" among "$asked" "$reasons"
# Every reason but those of success and of events is worth an alert.
quiet=$(printf '%s\n' Available Normalized ObserveOnly Suspended Adopted Drifted Retained)
alerted=$(sed -n 's/.*{reason=~\{0,1\}"\([A-Za-z|]*\)"}.*/\1/p' $alerts | tr '|' '\n')
check "every failure has an alert" same "$(grep -vxF "$quiet" <<<"$reasons")" "$alerted"

sections=$(sed -n '/^## Alerts/,/^## By reason/s/^### //p' $operations)
check "each alert has its section in the runbook, and no other has" same "$names" "$sections"
linked=$(sed -n 's|^ *runbook_url: docs/operations.md#||p' $alerts)
check "each alert links to its section" equal "$(tr '[:upper:]' '[:lower:]' <<<"$names")" "$linked"
# A reason's place is a section of its own, or its name in the first column of a table or at the beginning of a line.
explained=$(sed -n '/^## By reason/,/^## By symptom/p' $operations |
    sed -n 's/^### \([A-Z][A-Za-z]*\)$/\1/p; s/^| \(`[^|]*\) |.*/\1/p; s/^\(`[A-Z][a-z]*`\):.*/\1/p' | tr -d '`,' | tr ' ' '\n')
check "each reason is explained once" equal "$(sort <<<"$reasons")" "$(sort <<<"$explained")"
summary
