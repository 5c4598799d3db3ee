# Sourced by check.sh: the rendered chart in other hands than Helm's: applied on the server as Argo CD and Flux do it, by plain kubectl, through
# kustomize, and beside policies that add things of their own.

rendered_for() {
    template --skip-tests --values "$chart/ci/$1-values.yaml" --set serviceMonitor.enabled="${2:-false}"
}
# What Flux's drift detection and Argo CD's ServerSideDiff compute: what another apply would change. A list with one key twice is refused.
no_drift() {
    rendered_for "$1" >"$work/applied"
    kubectl apply --server-side --field-manager=gitops -f "$work/applied"
    kubectl diff --server-side --field-manager=gitops -f "$work/applied"
    kubectl apply --server-side --field-manager=gitops -f "$work/applied"
}
no_drift_by_kubectl() {
    rendered_for "$1" >"$work/applied"
    kubectl apply -f "$work/applied"
    kubectl diff -f "$work/applied"
    kubectl apply -f "$work/applied"
    held "deployment/release-$operator" '{.metadata.generation}' 1 recording-callback-system
}
removed() {
    kubectl delete --ignore-not-found --timeout=60s -f "$work/applied"
}
check "nothing has the CRD" without_crd
for values in default full platform; do
    check "applied on the server there is no drift: $values" no_drift $values
    check "removed: $values" removed
done
check "applied by kubectl there is no drift" no_drift_by_kubectl default
check "removed" removed

# With the Job of `helm test`, which can't be changed: what an older chart rendered is followed by what this one does.
with_the_job() {
    helm template release "$work/released/0.2.0/$chart" "${here[@]}" "${image[@]}" >"$work/applied"
    kubectl apply -f "$work/applied"
    template "${image[@]}" >"$work/applied"
    kubectl apply -f "$work/applied"
    template "${image[@]}" --set logLevel=debug | kubectl apply -f -
}
check "applied with the Job of helm test, after an older version and after a change" with_the_job
check "its Jobs are removed" kubectl delete jobs --all "${here[@]}"
check "removed" removed

# Argo CD writes the name of its Application over the instance label of every object, not of pods and selectors.
argocd() {
    rendered_for default true | sed '/^  labels:/,/^spec:/s|^    app.kubernetes.io/instance: release$|    app.kubernetes.io/instance: of-argocd|' >"$work/applied"
    kubectl apply --server-side --field-manager=argocd -f "$work/applied"
}
monitor_finds_service() {
    local selector
    selector=$(kubectl get servicemonitor "release-$operator" "${here[@]}" --output json |
        python3 -c 'import json, sys; print(",".join("=".join(pair) for pair in json.load(sys.stdin)["spec"]["selector"]["matchLabels"].items()))')
    equal "service/release-$operator" "$(kubectl get services "${here[@]}" --selector "$selector" --output name)"
}
finds_pods() {
    local selector
    selector=$(kubectl get "$1/release-$operator" "${here[@]}" --output "jsonpath=$2")
    equal "$(kubectl get "deployment/release-$operator" "${here[@]}" --output 'jsonpath={.spec.template.metadata.labels.app\.kubernetes\.io/instance}')" "$selector"
}
check "with Argo CD's instance label" argocd
check "the ServiceMonitor finds the Service" monitor_finds_service
for object in "service {.spec.selector" "deployment {.spec.selector.matchLabels" "poddisruptionbudget {.spec.selector.matchLabels"; do
    check "the pods are found by the ${object%% *}" finds_pods "${object%% *}" "${object#* }.app\.kubernetes\.io/instance}"
done

# Policies that add a sidecar, a label and resources own what they added: whoever applies the chart again leaves it.
policy() {
    kubectl apply --server-side --field-manager=policy -f - <<EOF
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${1:-release}-$operator, namespace: recording-callback-system, labels: {policy: seen}}
spec:
  template:
    metadata: {labels: {policy: seen}}
    spec:
      containers:
        - {name: operator, resources: {limits: {cpu: "2"}}}
        - name: sidecar
          image: registry.example.com/sidecar:1
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
EOF
}
policy_stays() {
    held "deployment/${1:-release}-$operator" '{.spec.template.spec.containers[*].name} {.spec.template.spec.containers[0].resources.limits.cpu} {.spec.template.metadata.labels.policy}' \
        "operator sidecar 2 seen" recording-callback-system
}
check "a policy adds a sidecar, a label and a limit" policy
check "the chart is applied again" argocd
check "what the policy added stays" policy_stays
check "removed" removed
for version_of_helm in 4 3; do
    check "Helm $version_of_helm: a release" either $version_of_helm install life "$chart" "${here[@]}" "${image[@]}"
    check "Helm $version_of_helm: a policy adds to it" policy life
    check "Helm $version_of_helm: it is upgraded" either $version_of_helm upgrade life "$chart" "${here[@]}" "${image[@]}" --set replicas=3
    check "Helm $version_of_helm: what the policy added stays" policy_stays life
    check "Helm $version_of_helm: it is uninstalled" either $version_of_helm uninstall life "${here[@]}"
    check "Helm $version_of_helm: and the CRD" without_crd
done

# kustomize over the rendered chart: another namespace, a prefix, labels of one's own.
kustomized() {
    mkdir -p "$work/kustomized"
    rendered_for default >"$work/kustomized/chart.yaml"
    cat >"$work/kustomized/kustomization.yaml" <<'EOF'
resources: [chart.yaml]
namespace: team-a
namePrefix: media-
labels: [{pairs: {estate: media}, includeTemplates: true}]
EOF
    kubectl kustomize "$work/kustomized" | accepted
}
check "accepted: kustomize over the rendered chart" kustomized

# What kustomize has moved may have its Lease: by the name that it is told, in the namespace of its pods.
leads_where_it_is() {
    local moved=deployment/media-release-$operator account lease verb
    kubectl kustomize "$work/kustomized" >"$work/applied"
    kubectl apply -f "$work/applied"
    held "$moved" '{.spec.template.spec.containers[0].env[?(@.name=="LEASE_NAMESPACE")].valueFrom.fieldRef.fieldPath}' metadata.namespace
    lease=$(kubectl get "$moved" --namespace team-a --output 'jsonpath={.spec.template.spec.containers[0].args}' | tr '",' '\n\n' | grep -- --lease)
    account=$(kubectl get "$moved" --namespace team-a --output 'jsonpath={.spec.template.spec.serviceAccountName}')
    for verb in create get update; do
        kubectl auth can-i $verb "leases.coordination.k8s.io/${lease#--lease-name=}" --namespace team-a --as "system:serviceaccount:team-a:$account"
    done
}
check "what kustomize has moved may lead where it is" leads_where_it_is
check "removed" removed
