# Sourced by check.sh: values that are changed in a release that stands, there and back, by whoever applies it. What the API server has added by
# itself belongs to nobody, and what it never lets be changed needs another name.

# applied WHO VALUES: the release `changing` with these values, by Helm of a version, or on the server as Argo CD and Flux do it.
applied() {
    local release=(changing "$chart" "${here[@]}" "${image[@]}" --set crds.enabled=false,helmTest.enabled=false --values "$2")
    if [[ $1 != gitops ]]; then
        either "$1" upgrade --install "${release[@]}"
        return
    fi
    helm template "${release[@]}" >"$work/changing"
    kubectl apply --server-side --field-manager=gitops -f "$work/changing"
    printf '\n---\n' | cat "$work/changing" - >>"$work/all-of-changing"
}
# there_and_back WHO FROM TO
there_and_back() {
    echo "$2" >"$work/from"
    echo "$3" >"$work/to"
    applied "$1" "$work/from"
    applied "$1" "$work/to"
    [[ $3 != *Recreate* ]] || held "deployment/changing-$operator" '{.spec.strategy}' '{"type":"Recreate"}' recording-callback-system
    applied "$1" "$work/from"
}
changing_is_removed() {
    if [[ $1 != gitops ]]; then
        either "$1" uninstall changing "${here[@]}"
    else
        kubectl delete --ignore-not-found --timeout=60s -f "$work/all-of-changing"
    fi
    eventually nothing_left changing
}
for who in 4 3 gitops; do
    while IFS='|' read -r from to; do
        check "changed by $who: $from to $to" there_and_back $who "$from" "$to"
    done <<'END'
{}|strategy: {type: Recreate}
hostNetwork: true|{hostNetwork: true, strategy: {type: Recreate}}
strategy: {rollingUpdate: {maxSurge: 1}}|strategy: {type: Recreate}
caBundle: {configMap: roots}|caBundle: {secret: roots}
watchNamespaces: [team-b]|{watchNamespaces: [team-b], rbac: {clusterRoles: false}}
podDisruptionBudget: {maxUnavailable: 50%}|podDisruptionBudget: {minAvailable: 1}
lifecycle: {preStop: {sleep: {seconds: 5}}}|lifecycle: {preStop: {httpGet: {path: /livez, port: metrics}}}
END
    check "removed by $who" changing_is_removed $who
done
