# Sourced by check.sh: the API server accepts all that is rendered, in namespaces that enforce Pod Security's restricted
# profile, without a warning. The dry-runs write nothing but the namespaces.

restricted() {
    local namespace
    for namespace in "$@"; do
        kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply -f -
        kubectl label --overwrite namespace "$namespace" pod-security.kubernetes.io/{enforce,warn}=restricted
    done
}
check "namespaces" restricted recording-callback-system team-a team-b
check "the Prometheus operator's CRDs, reduced to what the chart uses" kubectl create -f tests/deploy/monitoring-crds.yaml
check "which are served" kubectl wait --for=condition=Established --timeout=30s -f tests/deploy/monitoring-crds.yaml

# accepted: the objects on standard input pass a server-side dry-run, unknown fields are errors, and so is a warning.
accepted() {
    local said
    said=$(kubectl apply --dry-run=server --validate=strict -f - 2>&1 >/dev/null) || said+=" (refused)"
    equal "" "$said"
}
accepted_rendering() {
    template "$@" | accepted
}
for values in "$chart"/ci/*-values.yaml; do
    check "accepted: ${values##*/}" accepted_rendering --values "$values"
done

long_name_accepted() {
    helm template "$long" "$chart" --namespace recording-callback-system "${image[@]}" | accepted
}
check "accepted: the longest release name" long_name_accepted

install=deploy/install.yaml
check "accepted: install.yaml" accepted <"$install"
# The two ways to name the image that install.yaml describes.
named=registry.example.com/recording-callback-operator:$version
by_sed() {
    sed "s|image.invalid/recording-callback-operator|registry.example.com/recording-callback-operator|" "$install" | grep -F "\"$named\"" >/dev/null # not -q, which leaves the pipe broken
}
by_kustomization() {
    mkdir "$work/kustomization"
    cp "$install" "$work/kustomization"
    sed -n 's/^#   \(\(resources\|images\): .*\)/\1/p' "$install" >"$work/kustomization/kustomization.yaml"
    kubectl kustomize "$work/kustomization" | grep -F "$named" >/dev/null # not -q, which leaves the pipe broken
}
check "install.yaml's image by sed" by_sed
check "install.yaml's image by a kustomization" by_kustomization
