# Sourced by run.sh: pods die, and the node is drained. Whatever happens, every edit arrives, once.

# kill_process POD: as a crash of the program, or the kernel out of memory, would.
kill_process() {
    local container
    container=$(kubectl get pod "$1" --namespace $system --output jsonpath='{.status.containerStatuses[0].containerID}')
    ctr --address "$work/node/containerd.sock" --namespace k8s.io task kill --signal SIGKILL "${container#containerd://}"
}
restarted() {
    equal "$2" "$(kubectl get pod "$1" --namespace $system --output jsonpath='{.status.containerStatuses[0].restartCount}')"
}
holder_is_not() {
    [[ $(holder) != "$1" ]]
}

changes=$(mutations)
leader=$(holder)
check "the leader's process is killed" kill_process "$leader"
check "an edit right then reaches the cloud" edit one
check "another pod leads" eventually holder_is_not "$leader"
check "the kubelet has started the process again" eventually restarted "$leader" 1
check "both are ready" both_ready
check "the runbook's look at what it said before it died" shown "kubectl logs -n $system POD --previous" "$leader"

leader=$(holder)
check "the leader's pod is deleted by force" kubectl delete pod "$leader" --namespace $system --force --grace-period=0
check "an edit right then reaches the cloud" edit two
check "the pod is replaced" both_ready

leader=$(holder)
check "the leader's pod is deleted in order" kubectl delete pod "$leader" --namespace $system --wait
check "it has released the Lease, so another leads before it would have expired" eventually holder_is_not "$leader"
check "an edit reaches the cloud" edit three
check "the pod is replaced" both_ready

# One pod may go; its replacement finds no node, so the budget keeps the other.
drain() {
    kubectl drain node0 --pod-selector app.kubernetes.io/name=$rco --ignore-daemonsets --timeout=8s
}
one_ready() {
    equal 1 "$(kubectl get deployment $rco --namespace $system --output jsonpath='{.status.readyReplicas}')"
}
check "a drain takes one pod, and waits for its replacement before the other" \
    refused "violate the pod's disruption budget" drain
check "one pod is ready" eventually one_ready
check "an edit reaches the cloud meanwhile" edit one
check "the node takes pods again" kubectl uncordon node0
check "both are ready" both_ready
check "nothing but the four edits was changed at the cloud" equal $((changes + 4)) "$(mutations)"
check "and every object has its one callback" equal "four one three two" "$(rows | cut -d' ' -f2 | sort | xargs)"
check "the logs of all pods have no secret in them" no_secrets
