# Sourced by run.sh: uninstalled as docs/operations.md says, with one callback to be kept.

crd=crd/recordingcallbacks.live.huaweicloud.com
no_objects() {
    equal "" "$(kubectl get rcb --all-namespaces --output name)"
}
no_pods() {
    equal "" "$(pods name)"
}

keep=$(rows | grep ' two ' | cut -d' ' -f1)
check "one object's callback is to stay" kubectl patch rcb two --namespace media --type merge --patch '{"spec":{"deletionPolicy":"Retain"}}'
check "all objects are deleted, while the operator runs" kubectl delete rcb --all --all-namespaces --timeout=60s
check "only that callback is left at the cloud" equal "$keep two" "$(rows | cut -d' ' -f1,2)"
check "the release is uninstalled" release uninstall $rco --wait
check "its pods are gone" eventually no_pods
check "the CRD has stayed" kubectl get $crd
check "and is deleted" kubectl delete $crd --timeout=60s

# The other documented order: all callbacks stay, everything else goes.
check "it is installed again" release install $rco $chart "${settings[@]}" --wait --timeout 120s
check "the object adopts the callback that was kept" eval 'callback media two "adoptionPolicy: Always" && becomes_ready media two'
check "which is the same one" equal "$keep two" "$(rows | cut -d' ' -f1,2)"
check "another object has a callback of its own" eval 'callback media one && becomes_ready media one'
before=$(rows)
check "the CRD is deleted first, while the operator runs" kubectl delete $crd --timeout=60s
check "and the callbacks are still at the cloud" equal "$before" "$(rows)"
check "the release is uninstalled" release uninstall $rco --wait
check "its pods are gone" eventually no_pods
