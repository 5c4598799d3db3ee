# Sourced by run.sh: this release as others get it. Image and chart are pushed to a registry on this machine, as a maintainer does, and
# from there alone they come from here on: Helm takes the chart, and the node pulls the image that the chart names.

release_made() {
    mkdir "$work/release"
    cp -r $chart "$work/chart"
    # As scripts/release.sh does for a registry that is known.
    sed -i "s|^  repository: \"\"$|  repository: $registry/$rco|" "$work/chart/values.yaml" "$work/chart/files/values.yaml"
    helm package "$work/chart" --destination "$work/release"
    cp build/e2e/current/$rco-"$version"-linux-* "$work/release"
    (cd "$work/release" && sha256sum -- * >SHA256SUMS)
}
published() {
    RELEASE=$work/release scripts/publish.sh "$registry" >"$work/references"
    grep -xE "image=$registry/$rco@sha256:[0-9a-f]{64}" "$work/references"
}
# runs_published: both pods run what was pushed, by its digest.
runs_published() {
    local image
    image=$(sed -n 's/^image=//p' "$work/references")
    equal "$image $image" "$(pods jsonpath='{.items[*].status.containerStatuses[0].imageID}')"
}

# The name of the registry is that of this machine; on the node, which is another one, it is reached by its address.
GOWORK=off go build -C tests/release/registry -o "$work/registry" .
"$work/registry" $cloud_address >"$work/registry.address" < <(exec tail --pid=$$ --follow /dev/null) & # ends with this shell
registry_pid=$!
until [[ -s $work/registry.address ]]; do
    kill -0 $registry_pid
    sleep 0.05
done
registry=$(<"$work/registry.address")
mkdir -p "$work/node/registries/$registry"
printf '[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$cloud_address:${registry##*:}" >"$work/node/registries/$registry/hosts.toml"
registry+=/media

check "a release is made for a registry" release_made
check "and published to it" published
chart=oci://$registry/charts/$rco
settings+=(--version "$version" --plain-http)
