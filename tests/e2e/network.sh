# Sourced by run.sh: the chart's NetworkPolicy is enforced, in both directions.

# metrics: those of a pod, asked for from outside of the node, whose own connections always pass.
metrics() {
    request GET "http://$(pods jsonpath='{.items[0].status.podIP}'):8080/metrics"
}
serves_metrics() {
    metrics | grep -c recording_callback_leader
}
refuses_metrics() {
    refused "refused" metrics
}
reason() {
    kubectl get rcb "$1" --namespace media --output jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'
}
cut_off() {
    equal CloudUnavailable "$(reason one)"
}

check "metrics are served" serves_metrics
check "the policy lets nobody in but monitoring, and nobody out but to the API server" \
    release upgrade $rco $chart "${settings[@]}" --values tests/e2e/isolated-values.yaml --wait --timeout 120s
# A connection that was there before a policy stays.
check "the pods are rolled" kubectl rollout restart deployment/$rco --namespace $system
check "the new ones are ready" both_ready
check "metrics are refused" eventually refuses_metrics
changes=$(mutations)
check "a change can't reach the cloud" kubectl patch rcb one --namespace media --type merge \
    --patch '{"spec":{"notifyCallbackURL":"https://hooks.example.com/isolated"}}'
check "and the object says so" eventually cut_off
check "the cloud has seen nothing" equal "$changes" "$(mutations)"
check "the policy is opened again" release upgrade $rco $chart "${settings[@]}" --wait --timeout 120s
check "metrics are served" eventually serves_metrics
check "the change reaches the cloud by itself" becomes_ready media one
check "by one update" equal $((changes + 1)) "$(mutations)"
