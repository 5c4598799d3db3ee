# Sourced by check.sh: what needs no cluster. Lint, refused values, names, image.

template() {
    helm template release "$chart" --namespace recording-callback-system "$@"
}

for values in "$chart"/ci/*-values.yaml; do
    check "lint: ${values##*/}" helm lint --strict --quiet "$chart" --values "$values"
done

check "without an image the chart says what to set" refused "--set image.repository=" template
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
/watchNamespaces watchNamespaces=["media","media"]
/watchNamespaces/0 watchNamespaces=["Media"]
/requestsPerMinute requestsPerMinute=0
/resyncInterval resyncInterval="10"
/allowedEndpoints/0 allowedEndpoints=["https://live.example.com"]
/allowedEndpoints/0 allowedEndpoints=["live.example.com/path"]
/ambientCredentialsNamespaces/0 ambientCredentialsNamespaces=["media*"]
/logFormat logFormat="xml"
/logLevel logLevel="verbose"
/extraArgs/0 extraArgs=["stall-after"]
/extraEnv/0 extraEnv=[{"name":"A","valeu":"b"}]
/extraVolumes/0 extraVolumes=[{"name":"root","hostPath":{"path":"/"}}]
/proxy/https proxy.https="http://user:password@proxy.example.com"
/caBundle caBundle={"configMap":"roots","secret":"roots"}
/securityContext/runAsUser securityContext.runAsUser=0
/tolerations/0 tolerations=[{"efect":"NoSchedule"}]
/fullnameOverride fullnameOverride="Media"
EOF

rendered_image() {
    template "$@" --show-only templates/deployment.yaml | sed -n 's/^ *image: "\(.*\)"$/\1/p'
}
image_is() {
    local expected=$1
    shift
    equal "$expected" "$(rendered_image "$@")"
}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
check "the image's tag is the package's version" image_is "r.example.com/o:$version" --set image.repository=r.example.com/o
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
