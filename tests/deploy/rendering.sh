# Sourced by check.sh: what needs no cluster. Lint, refused values, names, image.

template() {
    helm template release "$chart" --namespace recording-callback-system "$@"
}

for values in "$chart"/ci/*-values.yaml; do
    check "lint: ${values##*/}" helm lint --strict --quiet "$chart" --values "$values"
done

check "without an image the chart says how to build one" refused "make image REPOSITORY=registry" template
check "and what to set" refused "--set image.repository=registry" template
check "an unknown value is refused" refused "additional properties 'nosuch' not allowed" template "${image[@]}" --set nosuch=1
while read -r group; do
    check "an unknown value in $group is refused" refused "at '/$group" template "${image[@]}" --set "$group.nosuch=1"
done < <(sed -n 's/^\([A-Za-z]*\):$/\1/p' "$chart/values.yaml")

while read -r at value; do
    check "refused: $value" refused "at '$at'" template --values "$chart/ci/default-values.yaml" --set-json "$value"
done <<'EOF'
/image/repository image.repository="Registry.example.com/x:"
/image/digest image.digest="sha256:abc"
/image/pullPolicy image.pullPolicy="Sometimes"
/replicas replicas=-1
/replicas replicas="2"
/watchNamespaces watchNamespaces="media"
/watchNamespaces/0 watchNamespaces=["Media"]
/requestsPerMinute requestsPerMinute=0
/resyncInterval resyncInterval="10"
/allowedEndpoints/0 allowedEndpoints=["live.example.com/path"]
/ambientCredentialsNamespaces/0 ambientCredentialsNamespaces=["media*"]
/logFormat logFormat="xml"
/logLevel logLevel="verbose"
/extraArgs/0 extraArgs=["stall-after"]
/extraEnv/0 extraEnv=[{"name":"A","valeu":"b"}]
/extraVolumes/0 extraVolumes=[{"name":"root","hostPath":{"path":"/"}}]
/proxy/https proxy.https="http://user:password@proxy.example.com"
/proxy/https proxy.https="http://proxy.example.com:99999"
/proxy/https proxy.https="proxy.example.com:0"
/proxy/https proxy.https="user:password@proxy.example.com:3128"
/proxy/https proxy.https="http://proxy example.com:3128"
/proxy/https proxy.https="http://proxy.example.com:3128\n"
/podDisruptionBudget/minAvailable podDisruptionBudget.minAvailable="150%"
/securityContext/runAsUser securityContext.runAsUser=0
/tolerations/0 tolerations=[{"efect":"NoSchedule"}]
/fullnameOverride fullnameOverride="Media"
/networkPolicy/egressPorts networkPolicy.egressPorts=[]
/networkPolicy/egressPorts/0 networkPolicy.egressPorts=["https"]
/networkPolicy/metricsFrom/0 networkPolicy.metricsFrom=[{"namespace":"monitoring"}]
/networkPolicy/extraEgress/0 networkPolicy.extraEgress=[{"port":53}]
/prometheusRule/runbookURL prometheusRule.runbookURL="docs/operations.md#alerts"
/dashboard/labels/grafana_dashboard dashboard.labels={"grafana_dashboard":1}
EOF

rendered_image() {
    template "$@" --show-only templates/deployment.yaml | sed -n 's/^ *image: "\(.*\)"$/\1/p'
}
image_is() {
    local expected=$1
    shift
    equal "$expected" "$(rendered_image "$@")"
}
check "two monitors that read every pod twice are refused" refused "choose one" template "${image[@]}" \
    --set serviceMonitor.enabled=true,podMonitor.enabled=true

# The ports to the cloud, a proxy and the API server, all that may be called but DNS.
called_ports() {
    equal "$1" "$(template "${image[@]}" --show-only templates/networkpolicy.yaml --set networkPolicy.enabled=true "${@:2}" |
        sed -n '/{port: 53, protocol: TCP}/,$s/.*{port: \([0-9]*\).*/\1/p' | sed 1d | xargs)"
}
check "the network policy allows the usual ports" called_ports "443 6443"
check "the network policy allows the ports of proxy and endpoints, too" called_ports "443 8443 80 3128" \
    --set 'networkPolicy.egressPorts={443}' --set proxy.https=http://proxy.example.com:3128/ \
    --set 'allowedEndpoints={live.*.example.com,live.example.com:8443,http://live.example.com}'

check "a port is read as the decimal that it is, and the usual one where there is none" called_ports "6443 444 8080 443 3128" \
    --set 'networkPolicy.egressPorts={6443}' --set proxy.https=http://proxy.example.com:3128/x \
    --set 'allowedEndpoints={live.example.com:00444,a.example.com:08080,live.example.com,live.example.com:443}'
for proxy in "80 http://proxy.example.com" "443 https://proxy.example.com/" "80 proxy.example.com" "3128 proxy.example.com:3128" "80 [fd00::1]/"; do
    check "the usual port of ${proxy#* }" called_ports "6443 ${proxy% *}" --set 'networkPolicy.egressPorts={6443}' --set "proxy.https=${proxy#* }"
done

runbook_links() {
    template "${image[@]}" --show-only templates/prometheusrule.yaml \
        --set prometheusRule.enabled=true,prometheusRule.runbookURL=https://wiki.example.com/operations >"$work/rule"
    [[ $(grep -c 'alert: ' "$work/rule") -gt 0 ]]
    equal "$(grep -c 'alert: ' "$work/rule")" "$(grep -c 'runbook_url: https://wiki.example.com/operations#' "$work/rule")"
}
check "each alert of the chart links to where the user's runbook is" runbook_links

# The pod of `helm test` must not be taken for one of the Deployment's, its disruption budget's or the Service's.
test_pod_stands_apart() {
    local selected
    selected=$(template "${image[@]}" --show-only templates/service.yaml | sed -n '/selector:/,/ports:/s/^    \(app.*name\): /\1: /p')
    [[ -n $selected ]]
    template "${image[@]}" --show-only templates/tests/readiness.yaml | sed '1,/^  template:/d; s/^ *//' >"$work/test-pod"
    grep -qxF "$selected-test" "$work/test-pod"
    ! grep -qxF "$selected" "$work/test-pod"
}
check "nothing selects the pod of helm test" test_pod_stands_apart

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
check "the image's tag is the package's version" image_is "r.example.com/o:$version" --set image.repository=r.example.com/o
while read -r name settings; do
    check "refused as an image: $name" refused "image: $name is no name of an image" template --set "$settings"
done <<'EOF'
registry.example.com/rco:0.2.0 image.repository=registry.example.com/rco:0.2.0
https://registry.example.com/rco image.registry=https://registry.example.com,image.repository=rco
https://mirror.example.com/rco global.imageRegistry=https://mirror.example.com/,image.repository=rco
registry.example.com/Media/rco image.repository=registry.example.com/Media/rco
registry.example.com/media/rco:5000/x image.repository=registry.example.com/media/rco:5000/x
EOF
check "an image by tag" image_is r.example.com/o:main --set image.repository=r.example.com/o,image.tag=main
check "an image by digest, whatever the tag" image_is "r.example.com/o@$digest" \
    --set image.repository=r.example.com/o,image.tag=main,image.digest="$digest"

# objects RELEASE NAMESPACE VALUES...: kind, namespace and name of all that is rendered, except the shared CRD.
objects() {
    local release=$1 namespace=$2
    shift 2
    helm template "$release" "$chart" --namespace "$namespace" "${image[@]}" --set crds.enabled=false "$@" |
        awk '/^kind:/ { kind = $2 } /^  name:/ && !name { name = $2 } /^  namespace:/ { space = $2 }
             /^---/ { if (kind) print kind, space, name; kind = space = name = "" } END { print kind, space, name }' | sort
}
# disjoint FIRST SECOND: two lists of objects have nothing in common.
disjoint() {
    [[ -n $1 && -n $2 ]] || return 1
    equal "" "$(comm -12 <(echo "$1") <(echo "$2"))"
}
long=$(printf 'r%.0s' {1..52})
check "two releases in a namespace share no object" disjoint "$(objects one media)" "$(objects two media)"
check "nor do two with the longest names" disjoint "$(objects "${long}1" media)" "$(objects "${long}2" media)"
check "nor do two of one name in two namespaces" disjoint "$(objects one media)" "$(objects one games)"
check "nor do these when both watch one namespace" disjoint \
    "$(objects one media --set 'watchNamespaces={team-a}')" "$(objects one games --set 'watchNamespaces={team-a}')"
check "a release name that no Service can have is refused" refused "set fullnameOverride" \
    helm template 1st "$chart" "${image[@]}"
