# Sourced by check.sh: what is null is as if it were absent, in every map of the values.

cp -r "$chart" "$work/nothing"
echo "{}" >"$work/nothing/values.yaml"
check "null for each key, at any depth, is as if it were absent" tests/deploy/nulls.py "${HELM:-build/bin/helm}" "$work/nothing" \
    "$chart"/ci/{full,platform}-values.yaml
