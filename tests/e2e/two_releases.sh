# Sourced by run.sh: two releases in one namespace, each for a tenant of its own, of which one has the CRD; and that one goes.

of_other() {
    kubectl get pods --namespace $system --selector app.kubernetes.io/instance=other --output "$@"
}
other_leads() {
    kubectl get lease other-$rco --namespace $system --output jsonpath='{.spec.holderIdentity}' | grep -F other-$rco-
}
# works_on: no pod of it was replaced or restarted, and none is unready.
works_on() {
    equal "$others" "$(of_other name)"
    equal "0 0" "$(of_other jsonpath='{.items[*].status.containerStatuses[0].restartCount}')"
    equal "True True" "$(of_other jsonpath='{.items[*].status.conditions[?(@.type=="Ready")].status}')"
}
first_is_gone() {
    equal "" "$(kubectl get pods --namespace $system --selector app.kubernetes.io/instance=$rco --output name)"
}

check "a second tenant comes" tenant sports
check "a release is installed for one tenant, with the CRD" \
    release install $rco $chart "${settings[@]}" --set "watchNamespaces={media}" --wait --timeout 120s
check "and one beside it for another, without" \
    release install other $chart "${settings[@]}" --set "watchNamespaces={sports},crds.enabled=false" --wait --timeout 120s
check "which leads by a Lease of its own" eventually other_leads
check "each serves its tenant" eval 'callback media near && callback sports far && becomes_ready media near && becomes_ready sports far'
others=$(of_other name)
check "an object of the first is deleted" kubectl delete rcb near --namespace media --timeout=60s
changes=$(mutations)
check "the release that has the CRD is uninstalled" release uninstall $rco --wait
check "its pods are gone" eventually first_is_gone
check "the CRD has stayed" kubectl get $crd
check "an edit reaches the cloud by the other" edit far sports
check "which has lost nothing" works_on
check "a new object becomes Ready" eval 'callback sports late && becomes_ready sports late'
check "and objects are deleted with their callbacks" kubectl delete rcb far late --namespace sports --timeout=60s
check "by one update, one create, two deletes" equal $((changes + 4)) "$(mutations)"
check "the other is uninstalled, too" release uninstall other --wait
check "and the CRD is deleted" kubectl delete $crd --timeout=60s
