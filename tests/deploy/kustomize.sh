# Sourced by check.sh: the overlays of deploy/kustomize give the very objects that the chart renders, and are accepted.

overlay() {
    kubectl kustomize "deploy/kustomize/overlays/$1"
}
# canonical: the objects on standard input as kubectl writes them, without the version label, which patches of hand-written
# files would have to follow, and without an order of documents or arguments.
canonical() {
    mkdir -p "$work/canonical"
    cat >"$work/canonical/all.yaml"
    printf 'resources: [all.yaml]\nimages: [{name: image.invalid/%s, newName: registry.example.com/%s}]\n' $operator $operator \
        >"$work/canonical/kustomization.yaml"
    kubectl kustomize "$work/canonical" | sed '/^ *app.kubernetes.io\/version: /d' | sort
}
same_as_chart() {
    equal "$(scripts/render-install.sh "$chart" "${@:2}" | canonical)" "$(overlay "$1" | canonical)"
}
overlay_accepted() {
    overlay "$1" | accepted
}
check "nothing has the CRD" without_crd
check "kustomize: cluster-wide is the chart" same_as_chart cluster-wide
check "kustomize: namespaced is the chart with watchNamespaces" same_as_chart namespaced --set 'watchNamespaces={team-a,team-b}'
for name in cluster-wide namespaced; do
    check "accepted: kustomize $name" overlay_accepted $name
done
