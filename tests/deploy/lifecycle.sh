# Sourced by check.sh: a release through its life. Nothing runs here, for there is no node; what counts is what the API
# server holds afterwards.

crd=crd/recordingcallbacks.live.huaweicloud.com

# like_the_file JSONPATH: the CRD on the server has there what crds/ has.
like_the_file() {
    local expected
    expected=$(kubectl create --dry-run=client --output jsonpath="$1" -f crds/recordingcallbacks.live.huaweicloud.com.yaml)
    [[ -n $expected ]] && equal "$expected" "$(kubectl get $crd --output jsonpath="$1")"
}
kept_on_uninstall() {
    equal keep "$(kubectl get $crd --output jsonpath='{.metadata.annotations.helm\.sh/resource-policy}')"
}
nothing_left() {
    equal "" "$(kubectl get --all-namespaces --output name --selector "app.kubernetes.io/instance=$1" \
        clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,services,deployments,jobs,pods,configmaps,\
        poddisruptionbudgets,networkpolicies,servicemonitors,podmonitors,prometheusrules)"
}
runs_image() {
    equal "$1" "$(kubectl --namespace recording-callback-system get deployments --output jsonpath='{..containers[*].image}')"
}
# tested PHASE: `helm test`, whose pod ends so. No kubelet runs it here: what it does is proven on a node.
tested() {
    local verdict=0
    # What another test has left is another one.
    kubectl "${here[@]}" delete jobs --selector app.kubernetes.io/instance=life --cascade=foreground --timeout=30s
    (
        eventually test_pod
        kubectl "${here[@]}" patch "$(test_pod)" --subresource=status --type=merge --patch '{"status":{"phase":"'"$1"'"}}'
    ) >"$work/kubelet" 2>&1 &
    helm test life "${here[@]}" --timeout 60s || verdict=$?
    wait $!
    return $verdict
}
test_pod() {
    kubectl "${here[@]}" get pods --selector app.kubernetes.io/name=recording-callback-operator-test --output name | grep .
}
here=(--namespace recording-callback-system)

check "a release is installed" helm install life "$chart" "${here[@]}" "${image[@]}"
check "its CRD is the one in crds/" like_the_file '{.spec.versions}'
check "its CRD has the operator's annotation" like_the_file '{.metadata.annotations.live\.huaweicloud\.com/schema-version}'
check "its CRD says that it is kept" kept_on_uninstall
check "a failed helm test fails" refused "Phase:          Failed" tested Failed
check "a passed one passes and leaves no pod" tested Succeeded
check "the release is upgraded to all values" helm upgrade life "$chart" "${here[@]}" --values "$chart/ci/full-values.yaml"
check "it is rolled back" helm rollback life "${here[@]}"
check "a second release stands beside it" helm install beside "$chart" --namespace team-a --set crds.enabled=false "${image[@]}"
check "the first is uninstalled" helm uninstall life "${here[@]}"
check "nothing of it is left" eventually nothing_left life
check "but the CRD" kubectl get $crd
check "which a release of the same name takes over" helm install life "$chart" "${here[@]}" "${image[@]}"
check "this one is uninstalled" helm uninstall life "${here[@]}"
check "the CRD stays again" kubectl get $crd
check "a release of another name takes it over when told to" \
    helm install other "$chart" "${here[@]}" "${image[@]}" --take-ownership
check "that one is uninstalled" helm uninstall other "${here[@]}"

# From kubectl to Helm: Helm 4 applies on the server, where kubectl is known as the owner of the fields.
take=(--take-ownership)
[[ $(helm version --short) == v3* ]] || take+=(--force-conflicts)
check "install.yaml is installed" kubectl apply -f "$install"
check "Helm takes it over" helm install $operator "$chart" "${here[@]}" "${image[@]}" "${take[@]}"
check "and its image" runs_image "registry.example.com/recording-callback-operator:$version"
check "it is uninstalled as any release" helm uninstall $operator "${here[@]}"
check "and nothing of it is left" eventually nothing_left $operator
check "but the CRD as before" kubectl get $crd
