# Sourced by check.sh: upgrades from each released version of the chart, whose commits the file `released` names, with the values of
# the old release in the place of the new defaults; and what is absent or null.

# released VERSION COMMIT: the chart of a release, unpacked.
released() {
    mkdir -p "$work/released/$1"
    git archive "$2" "$chart" | tar -x -C "$work/released/$1"
}
# upgraded VERSION HELM ARGUMENTS...: a release is installed, upgraded with its values kept, and rolled back.
upgraded() {
    local old=$work/released/$1/$chart selector runbooks
    either "$2" install old "$old" "${here[@]}" "${image[@]}" --set 'logLevel=debug,podLabels.team=media,prometheusRule.enabled=true'
    selector=$(kubectl get deployment old-$operator "${here[@]}" --output jsonpath='{.spec.selector}')
    either "$2" upgrade old "$chart" "${here[@]}" "${@:3}"
    equal "$selector" "$(kubectl get deployment old-$operator "${here[@]}" --output jsonpath='{.spec.selector}')"
    kubectl get deployment old-$operator "${here[@]}" --output jsonpath='{..args}' | grep -F 'log-level=debug'
    equal "registry.example.com/recording-callback-operator:$version" \
        "$(kubectl get deployment old-$operator "${here[@]}" --output jsonpath='{..containers[0].image}')"
    kubectl get poddisruptionbudget old-$operator "${here[@]}"
    runbooks=$(kubectl get prometheusrule old-$operator "${here[@]}" --output jsonpath='{..annotations.runbook_url}' | tr ' ' '\n')
    equal "" "$(grep -v '^https://.*/docs/operations.md#' <<<"$runbooks")"
    either "$2" rollback old "${here[@]}"
}
# replaced VERSION COMMIT: its install.yaml is replaced by this one, and back; of the old one nothing is left over.
replaced() {
    git show "$2:deploy/install.yaml" >"$work/released/$1.yaml"
    kubectl apply -f "$work/released/$1.yaml"
    kubectl apply -f deploy/install.yaml
    equal "" "$(comm -23 <(names_in "$work/released/$1.yaml") <(names_in deploy/install.yaml))"
    kubectl apply -f "$work/released/$1.yaml"
    kubectl delete --timeout=90s -f "$work/released/$1.yaml"
    restricted recording-callback-system
}
names_in() {
    kubectl create --dry-run=client --validate=false --output name -f "$1" | sort
}
gone() {
    either 4 uninstall old "${here[@]}" --ignore-not-found
    without_crd
    eventually nothing_left old
}
all_values() {
    sed -n 's/^\([A-Za-z]*\):.*/\1/p' "$chart/values.yaml"
}
# Those that a release before may have had, and without which there is nothing to compare.
all_null=$(all_values | grep -vx 'image\|logLevel\|podLabels' | sed 's/$/=null/' | paste -sd,)
while read -r old commit; do
    check "the chart of $old" released "$old" "$commit"
    for version_of_helm in 4 3; do
        check "from $old with --reuse-values, Helm $version_of_helm" upgraded "$old" $version_of_helm --reuse-values
        check "nothing is left of it" gone
    done
    check "from the install.yaml of $old, and back" replaced "$old" "$commit"
    for version_of_helm in 4 3; do
        check "from $old with --reset-then-reuse-values, Helm $version_of_helm" upgraded "$old" $version_of_helm --reset-then-reuse-values
        check "nothing is left of it" gone
    done
    check "from $old with --reuse-values, and null for all that is new" upgraded "$old" 4 --reuse-values --set-json "$all_null"
    check "nothing is left of it" gone
done <tests/deploy/released

# The chart as it is when all that it is given is the values of a version that had none of these: every key absent, or null. Helm takes
# a null away only where the chart has a default, so here it reaches schema and templates. Of Kubernetes' own maps what is absent is not there.
bare=$work/bare
cp -r "$chart" "$bare"
own='resources\|securityContext\|nodeSelector\|topologySpreadConstraints'
sed -n "/^\($own\):/,/^\$/p" "$chart/values.yaml" >"$bare/values.yaml"
bare() {
    helm template release "$bare" --namespace recording-callback-system "${image[@]}" "$@"
}
by_default=$(template "${image[@]}" | grep -v '^ *helm.sh/chart')
as_by_default() {
    equal "$by_default" "$(bare "$@" | grep -v '^ *helm.sh/chart')"
}
# null_in PREFIX: null for each documented key that begins so, but the one that has to be there.
null_in() {
    awk -f scripts/values-table.awk "$chart/values.yaml" | sed -n 's/^| `\([A-Za-z.]*\)`.*/\1/p' | grep -E "^$1(\.|$)" |
        grep -vx image.repository | sed 's/$/=null/' | paste -sd,
}
check "without any value the chart renders as by default" as_by_default
maps=$(sed -n 's/^\([A-Za-z]*\):$/\1/p' "$chart/values.yaml" | grep -vx "$own")
for key in $maps; do
    check "null for all in $key" as_by_default --set-json "$(null_in "$key")"
done
check "null for all maps" as_by_default --set-json "$(grep -vx image <<<"$maps" | sed 's/$/=null/' | paste -sd,)"
check "null for all that is no map" as_by_default --set-json "$(all_values | grep -vxF "$maps" | grep -vx "$own" | sed 's/$/=null/' | paste -sd,)"
for key in image image.repository; do
    check "null for $key is told" refused "image.repository is not set" template --set-json "$key=null"
done
for key in resources resources.limits securityContext securityContext.runAsUser nodeSelector topologySpreadConstraints; do
    check "accepted: null for $key" accepted_rendering "${image[@]}" --set crds.enabled=false --set-json "$key=null"
done
