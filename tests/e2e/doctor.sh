# Sourced by run.sh: `doctor`, from outside, and from the operator's pod, which is on the way to the cloud.

# told CHECK RESULT WORDS COMMAND...: all in all nothing failed, and a finding is as it should be.
told() {
    local check=$1 result=$2 words=$3
    shift 3
    "$@" --output json >"$work/findings"
    python3 - "$check" "$result" "$words" "$work/findings" <<'PYTHON'
import json, sys
check, result, words, path = sys.argv[1:]
found = [finding for finding in json.load(open(path))["items"] if finding["check"] == check]
for finding in found:
    print(finding)
sys.exit(not any(finding["result"] == result and words in finding["detail"] for finding in found))
PYTHON
}
outside=("$operator" doctor --namespace media --offline)
inside=(kubectl exec --namespace "$system" "deployment/$rco" -- "$rco" doctor --namespace media)

check "doctor sees the operator from outside" told Operator Ok "2 of 2 replicas ready" "${outside[@]}"
check "and its Lease" told Lease Ok "holds and renews it" "${outside[@]}"
check "and that its account has all rights" told Rights Ok "all that the work needs" "${outside[@]}"
check "in the pod it goes by the operator's flags" told Operator Ok "runs in this container" "${inside[@]}"
check "and finds the way to the cloud" told Cloud Ok "called directly" "${inside[@]}"
check "and the rights of the account that it runs as" told Rights Ok "all that the work needs" "${inside[@]}"
