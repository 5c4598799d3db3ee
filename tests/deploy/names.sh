# Sourced by check.sh: names that YAML takes for a number, a bool or null stay strings, wherever the chart prints them, with either Helm.

# Every value that is a name, or a namespace, or a label's value.
names="nameOverride namespaceOverride serviceAccount.name priorityClassName runtimeClassName schedulerName watchNamespaces[0]
    ambientCredentialsNamespaces[0] rbac.secretNames[0] imagePullSecrets[0] caBundle.configMap serviceMonitor.namespace podMonitor.namespace
    prometheusRule.namespace dashboard.namespace podLabels.team commonLabels.team nodeSelector.pool serviceAccount.labels.team
    service.labels.team serviceMonitor.labels.team deploymentAnnotations.team prometheusRule.ruleLabels.team"
all_kinds=serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true,networkPolicy.enabled=true,rbac.aggregate=true
# named HELM WORD ARGUMENTS...: the chart with this word as release, namespace and each name; the API server has to take it.
named() {
    local word=$2 set name
    set=$(for name in $names; do echo "$name=$word"; done | paste -sd,)
    # A Service's name begins with a letter.
    [[ $word != [a-z]* ]] || set+=,fullnameOverride=$word
    [[ $word != [0-9]* ]] || set+=,fullnameOverride=named
    either "$1" template "$word" "$chart" --namespace "$word" "${image[@]}" --set "$all_kinds" --set-string "$set" "${@:3}" >"$work/named"
    kubectl apply --dry-run=server --validate=strict -f "$work/named"
}
for word in 123 1e3 0x10 true null on; do
    check "a namespace $word" kubectl create namespace $word
    for version_of_helm in 4 3; do
        check "accepted: $word for every name, Helm $version_of_helm" named $version_of_helm $word
    done
done
check "accepted: a PodMonitor and Roles of a number" named 4 123 --set serviceMonitor.enabled=false,podMonitor.enabled=true,rbac.clusterRoles=false,crds.enabled=false
check "the namespaces are removed" kubectl delete namespace 123 1e3 0x10 true null on
