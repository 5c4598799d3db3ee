# Sourced by check.sh: Helm 3, which most platforms still run, has nothing to complain of and renders the very same.

helm3() {
    build/bin/helm3 "$@"
}
# The two end documents with and without an empty line.
same_with_helm3() {
    local release=(release "$chart" --namespace recording-callback-system --values "$1")
    equal "$(helm template "${release[@]}" | sed '/^$/d')" "$(helm3 template "${release[@]}" | sed '/^$/d')"
}
for values in "$chart"/ci/*-values.yaml; do
    check "Helm 3, lint: ${values##*/}" helm3 lint --strict --quiet "$chart" --values "$values"
    check "Helm 3 renders the same: ${values##*/}" same_with_helm3 "$values"
done
check "Helm 3 says what to set, too" refused "--set image.repository=" helm3 template release "$chart"
check "Helm 3 refuses unknown values, too" refused "nosuch" helm3 template release "$chart" "${image[@]}" --set nosuch=1
