# Sourced by check.sh: the chart as a dependency of an umbrella chart, twice, with either Helm. Nothing runs; what counts is what
# the API server holds.

umbrella=$work/umbrella
mkdir -p "$umbrella"
cat >"$umbrella/Chart.yaml" <<EOF
apiVersion: v2
name: media
version: 1.0.0
dependencies:
  - {name: $operator, version: "*", repository: "file://$PWD/$chart", alias: recording, condition: recording.enabled, tags: [cloud]}
  - {name: $operator, version: "*", repository: "file://$PWD/$chart", alias: recordingEurope, condition: recordingEurope.enabled, tags: [cloud]}
EOF
# Globals are made for all charts of an umbrella, so there are some that mean nothing here.
cat >"$umbrella/values.yaml" <<'EOF'
global:
  imageRegistry: registry.example.com
  imagePullSecrets: [mirror, {name: registry}]
  commonLabels: {estate: media}
  nodeSelector: {pool: system}
  storageClass: fast
recording: &recording
  image: {repository: media/recording-callback-operator}
  imagePullSecrets: [{name: registry}]
  securityContext: null
  resources: {limits: null}
  caBundle: null
recordingEurope:
  <<: *recording
  labelSelector: region=eu
EOF

either() {
    local helm=build/bin/helm3
    [[ $1 == 3 ]] || helm=build/bin/helm
    "$helm" "${@:2}"
}
# umbrella_objects VERSION ARGUMENTS...: kind and name of all that the umbrella renders.
umbrella_objects() {
    either "$1" template media "$umbrella" --namespace recording-callback-system "${@:2}" |
        awk '/^kind:/ { kind = $2 } /^  name:/ && !name { name = $2 } /^---/ { if (kind) print kind, name; kind = name = "" } END { print kind, name }'
}
renders() {
    umbrella_objects "$@" | grep '^Deployment' | cut -d' ' -f2 | xargs
}
rendered_deployments() {
    equal "$1" "$(renders "${@:2}")"
}
in_both() {
    equal "$1" "$(either 4 template media "$umbrella" --show-only charts/recording/templates/deployment.yaml | grep -c -- "$2")"
}
no_object_twice() {
    equal "" "$(umbrella_objects "$1" | sort | uniq -d)"
}
deployed() {
    equal "$1" "$(kubectl get deployments "${here[@]}" --output jsonpath='{.items[*].metadata.name}')"
}
one_crd() {
    equal 1 "$(umbrella_objects "$@" | grep -c '^CustomResourceDefinition')"
}
umbrella_uninstalled() {
    either "$1" uninstall media "${here[@]}"
    without_crd
    eventually nothing_left media
}

# without_crd: no other release has the CRD.
without_crd() {
    kubectl delete --ignore-not-found --timeout=30s -f crds && return
    # The API server's own clean-up of a CRD is tried ever more seldom once it has failed; a change of the CRD wakes it.
    kubectl annotate -f crds "woken=$(date +%s)" || true
    kubectl delete --ignore-not-found --timeout=60s -f crds
}
check "nothing has the CRD" without_crd
check "an umbrella chart fetches it" helm dependency update "$umbrella"
while read -r times text; do
    check "what the umbrella says to all its charts is taken: $text" in_both "$times" "$text"
done <<'EOF'
1 registry.example.com/media/recording-callback-operator:
2 ^        - name: \(mirror\|registry\)$
2 estate: media
1 pool: system
EOF
# A release whose name has the aliases' in it.
two_of_one_name() {
    refused "are both named default/recording: set fullnameOverride" either "$1" template recording "$umbrella" \
        --set recording.nameOverride=rec,recordingEurope.nameOverride=recording --namespace default
    either "$1" template recording "$umbrella" --set recording.nameOverride=rec,recordingEurope.nameOverride=recording,recording.fullnameOverride=other
}
for version_of_helm in 4 3; do
    check "Helm $version_of_helm: two charts of one name are refused" two_of_one_name $version_of_helm
    both="media-recording media-recordingeurope"
    check "Helm $version_of_helm: two aliases stand side by side" rendered_deployments "$both" $version_of_helm
    check "Helm $version_of_helm: one of them has the CRD" one_crd $version_of_helm
    check "Helm $version_of_helm: also where one is switched off" one_crd $version_of_helm --set recordingEurope.enabled=false
    check "Helm $version_of_helm: they share no object" no_object_twice $version_of_helm
    check "Helm $version_of_helm: one is switched off by its condition" \
        rendered_deployments "media-recording" $version_of_helm --set recordingEurope.enabled=false
    check "Helm $version_of_helm: both are switched off by a tag" rendered_deployments "" $version_of_helm --set tags.cloud=false
    check "Helm $version_of_helm: a condition comes before a tag" \
        rendered_deployments "media-recording" $version_of_helm --set tags.cloud=false,recording.enabled=true
    check "Helm $version_of_helm: the umbrella is installed" either $version_of_helm install media "$umbrella" "${here[@]}"
    check "Helm $version_of_helm: and upgraded" either $version_of_helm upgrade media "$umbrella" "${here[@]}" --set recording.logLevel=debug
    check "Helm $version_of_helm: with the values that it had" either $version_of_helm upgrade media "$umbrella" "${here[@]}" --reuse-values
    check "Helm $version_of_helm: one is switched off" either $version_of_helm upgrade media "$umbrella" "${here[@]}" --set recordingEurope.enabled=false
    check "Helm $version_of_helm: the other stays" deployed media-recording
    check "Helm $version_of_helm: it is uninstalled, and nothing is left" umbrella_uninstalled $version_of_helm
done
