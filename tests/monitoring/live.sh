#!/usr/bin/env bash
# Walks through the runbook: a real operator, read by a real Prometheus, meets each trouble that there is an alert for. The
# alert must fire, what docs/operations.md has one look at to confirm it must show it, and it must end with the trouble. In
# the end every panel of the dashboard must have found something to show.
#
# Only the alerts' times are cut, from minutes to seconds. Missing here is a panic, since no input is known that causes one.
# Needs build/bin/kube, build/bin/prometheus, build/bin/promtool and the debug builds of operator and simulator.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
source tests/simulator/control.sh
source tests/simulator/objects.sh
source tests/monitoring/live-lib.sh

start_live

operator a
operator b
check "a replica leads" eventually shows 'sum(recording_callback_leader) == 1'
panels_show stat # where nothing has happened yet, too
for app in one two three four five six; do callback media $app; done >/dev/null
callback sports seven >/dev/null
check "two replicas serve seven objects" eventually shows 'sum(recording_callback_resources{reason="Available"}) == 7'
check "nobody is called" eventually quiet

# Somebody removes what the operator made, and makes what no object declares.
for id in $(rows | cut -d' ' -f1); do control DELETE "/rows/$id" >/dev/null; done
stray=$(control POST /rows '{"project_id":"'$project'","publish_domain":"push.example.com","app":"stray","fields":{"notify_callback_url":"https://hooks.example.com/"}}' | value id)
check "callbacks are removed by hand" paged RecordingCallbackDriftRepeated
check "the runbook's look shows it" confirmed RecordingCallbackDriftRepeated "Drifted"
check "a callback belongs to no object" paged RecordingCallbackUnmanaged
check "the runbook's look shows which do" confirmed RecordingCallbackUnmanaged "seven"
control DELETE "/rows/$stray" >/dev/null

# The domain is not known yet at the cloud.
fault Create 400 LIVE.100011001 "Request Illegal"
for app in a b c d e f g h; do callback media $app; done >/dev/null
check "creates are answered with a 400" paged RecordingCallbackRejected
check "the runbook's look shows it" confirmed RecordingCallbackRejected "Request Illegal"
check "more than half of the objects fail" paged RecordingCallbackManyFailing
check "the runbook's look counts them" confirmed RecordingCallbackManyFailing "8 RequestRejected"
control DELETE /faults >/dev/null

check "that is over by itself" over RecordingCallbackManyFailing RecordingCallbackRejected RecordingCallbackUnmanaged

# The cloud is down.
control POST /faults '{"times":null,"commit":false,"answer":{"Reply":{"status":503,"body":{"Json":{}}}}}' >/dev/null
edit media one down
check "the cloud is down" paged RecordingCallbackCloudUnavailable
check "the runbook's look shows it" confirmed RecordingCallbackCloudUnavailable '"httpStatus":503'
check "an edit waits" paged RecordingCallbackNotSettling
check "the runbook's look shows which" confirmed RecordingCallbackNotSettling "one" CloudUnavailable
check "callbacks are not compared" paged RecordingCallbackInventoryStale
check "the runbook's look shows why" confirmed RecordingCallbackInventoryStale 'http_status="503"'
control DELETE /faults >/dev/null
check "that is over by itself" over RecordingCallbackCloudUnavailable RecordingCallbackNotSettling RecordingCallbackInventoryStale

# The role has lost its permission.
fault List 403 LIVE.100011013 "forbidden"
check "the accounts are refused" paged RecordingCallbackAccountsRefused
check "the runbook's look counts them" eventually confirmed RecordingCallbackAccountsRefused "AccountProblem"
control DELETE /faults >/dev/null
check "that is over by itself" over RecordingCallbackAccountsRefused

# Something else uses up the quota.
fault Update 429 LIVE.100011007 "Too many requests"
for app in one two three four five six; do edit media $app throttled; done
check "the cloud throttles" paged RecordingCallbackThrottled
check "the runbook's look shows it" confirmed RecordingCallbackThrottled 'identity="'
control DELETE /faults >/dev/null

# Somebody deletes a Secret that is in use.
kubectl delete secret huaweicloud -n sports >/dev/null
edit sports seven keyless
check "a Secret is gone" paged RecordingCallbackNeedsHelp
check "the runbook's look shows whose" confirmed RecordingCallbackNeedsHelp "seven" CredentialsMissing
secret sports
check "that is over by itself" over RecordingCallbackNeedsHelp

control PUT /settings '{"clock_offset_s":180}' >/dev/null
edit media one late
check "the clocks are apart" paged RecordingCallbackClockOffset
control PUT /settings '{"clock_offset_s":0}' >/dev/null

kubectl apply -f tests/monitoring/refusal.yaml >/dev/null
check "a policy refuses the operator's writes" eventually refused_by_policy
for app in one two three four five six; do edit media $app refused; done
check "work ends because the API server can't be written" paged RecordingCallbackReconcileErrors
check "the log has the API server's words" eventually grep -hE '"(ERROR|WARN)".*nobody writes a status' "$work"/operator-*.log
kubectl delete -f tests/monitoring/refusal.yaml >/dev/null
check "that is over by itself" over RecordingCallbackReconcileErrors

panels_show timeseries

replace_operators --requests-per-minute=12
for app in one two three four five six a b c d e f g h; do edit media $app wave; done
check "a wave of edits waits" paged RecordingCallbackChangesWait
check "the runbook's look shows where" confirmed RecordingCallbackChangesWait 'lane="urgent"'

replace_operators --namespaces=media,nowhere
check "a namespace is missing" paged RecordingCallbackNamespaceNotWatched
check "the runbook's look names it" confirmed RecordingCallbackNamespaceNotWatched "nowhere"

replace_operators
# A process that died before anybody read it has not died.
check "its beginning is known" eventually shows "process_start_time_seconds{instance=\"${addresses[c]}\"}"
for times in 1 2 3; do
    restart c
    check "it has died $times times" eventually shows "sum(changes(process_start_time_seconds[20s])) >= $times"
done
check "it dies again and again" paged RecordingCallbackOperatorRestarts
check "the runbook's look counts how often" confirmed RecordingCallbackOperatorRestarts "3"

replace_operators --read-only
check "the operator is read-only" paged RecordingCallbackReadOnly
callback media planned >/dev/null
check "the runbook's look shows the plans" eventually confirmed RecordingCallbackReadOnly "planned.*Create"

# Another operator with the same Lease, in a place that Prometheus does not read.
stop_operators
start_operator elsewhere
check "another operator takes the Lease" eventually leads elsewhere
operator a
operator b
check "nobody acts who should" paged RecordingCallbackNoLeader
check "the runbook's look shows who does" confirmed RecordingCallbackNoLeader "holderIdentity"
stop_operators
check "no operator is there" paged RecordingCallbackOperatorAbsent
check "the runbook's look shows nothing" confirmed RecordingCallbackOperatorAbsent "No resources found"
summary
