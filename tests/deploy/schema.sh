# Sourced by check.sh: the JSON schema of a manifest, as kubeconform reads it. Needs no cluster.

tests/tools/build.sh kubeconform
conforms() {
    build/bin/kubeconform -strict -ignore-missing-schemas \
        -schema-location 'deploy/schema/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json' "$@"
}
# edited EXPRESSION: the smallest example, changed by sed.
edited() {
    sed "$1" deploy/examples/minimal.yaml >"$work/edited.yaml"
    conforms "$work/edited.yaml"
}

check "the examples go with the schema" conforms -summary deploy/examples/*.yaml
check "the example's first line names it" test -f "deploy/examples/$(sed -n '1s/^# yaml-language-server: $schema=//p' deploy/examples/minimal.yaml)"
check "a field that is misspelled is told" refused "notifyCallbackUrl" edited 's/notifyCallbackURL/notifyCallbackUrl/'
check "so is a value that is none of those" refused "adoptionPolicy" edited 's/^  app:/  adoptionPolicy: Sometimes\n  app:/'
check "so is a domain in capitals" refused "publishDomain" edited 's/push.example/Push.example/'
check "so is a field that is missing" refused "publishDomain" edited '/publishDomain/d'
