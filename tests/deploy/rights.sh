# Sourced by check.sh: the rights of the operator's ServiceAccount are exactly those that the chart's README names, in
# both modes, and the cluster's roles for people know the resource. Objects are really created here, and removed again.

# granted SERVICEACCOUNT NAMESPACE: what this ServiceAccount of recording-callback-system may do in a namespace beyond
# what every ServiceAccount may.
granted() {
    local namespace=$2
    rules() {
        kubectl auth can-i --list --namespace "$namespace" --as "system:serviceaccount:recording-callback-system:$1" \
            --as-group system:serviceaccounts --as-group system:authenticated | tr -s ' ' | sed 's/ $//' | sort
    }
    comm -23 <(rules "$1") <(rules nobody)
}
grants() {
    equal "$3" "$(granted "$1" "$2")"
}
granted_work="events.events.k8s.io [] [] [create patch]
namespaces [] [] [get]
recordingcallbacks.live.huaweicloud.com [] [] [get list watch patch]
recordingcallbacks.live.huaweicloud.com/status [] [] [patch]"
granted_crd="customresourcedefinitions.apiextensions.k8s.io [] [recordingcallbacks.live.huaweicloud.com] [get]"
granted_lease="leases.coordination.k8s.io [] [] [create]
leases.coordination.k8s.io [] [recording-callback-operator] [get update]"
granted_secrets="secrets [] [] [get]"
all_of() {
    printf '%s\n' "$@" | sort
}

install_yaml() {
    kubectl apply -f "$install"
    kubectl wait --for=condition=Established --timeout=30s crd/recordingcallbacks.live.huaweicloud.com
}
check "install.yaml is installed" install_yaml
check "its pods pass Pod Security's restricted profile" \
    kubectl -n recording-callback-system wait deployment/recording-callback-operator --for=jsonpath='{.status.replicas}=2' --timeout=30s
check "rights, cluster-wide, in the release's namespace" grants $operator recording-callback-system \
    "$(all_of "$granted_work" "$granted_secrets" "$granted_crd" "$granted_lease")"
check "rights, cluster-wide, in any other namespace" grants $operator team-a \
    "$(all_of "$granted_work" "$granted_secrets" "$granted_crd")"

# person USER ANSWER VERB: whether a user may do this with RecordingCallbacks of team-a.
person() {
    equal "$2" "$(kubectl auth can-i "$3" recordingcallbacks.live.huaweicloud.com --namespace team-a --as "$1" || true)"
}
people() {
    local role
    for role in view edit admin; do
        kubectl create rolebinding "$role" --namespace team-a --clusterrole "$role" --user "$role"
    done
}
check "people with the cluster's roles in team-a" people
for who in view edit admin; do
    check "the role $who may list" eventually person $who yes list
done
for verb in create update patch delete; do
    check "the role view may not $verb" person view no $verb
    check "the role edit may $verb" eventually person edit yes $verb
    check "the role admin may $verb" eventually person admin yes $verb
done
check "install.yaml is removed" kubectl delete --timeout=60s -f "$install"
check "and the namespace is there again" restricted recording-callback-system

# In the chart's other mode: two namespaces, Secrets granted by somebody else.
namespaced=(--namespace recording-callback-system --values "$chart/ci/namespaced-values.yaml")
check "a namespaced release is installed" helm install $operator "$chart" "${namespaced[@]}"
check "rights, namespaced, in a watched namespace" grants $operator team-b "$(all_of "$granted_work" "$granted_crd")"
check "rights, namespaced, in the release's namespace" grants $operator recording-callback-system \
    "$(all_of "$granted_crd" "$granted_lease")"
check "rights, namespaced, elsewhere" grants $operator default "$granted_crd"
check "the namespaced release is uninstalled" helm uninstall $operator --namespace recording-callback-system
