# Sourced by run.sh: the operator is uninstalled before the objects, which then hang; both ways out of it.

installed() {
    release install $rco $chart "${settings[@]}" --wait --timeout 120s
}
uninstalled() {
    release uninstall $rco --wait
    eventually no_pods
}
# hangs KIND/NAME [NAMESPACE]: deletion was asked for, and it is still there.
hangs() {
    [[ -n $(kubectl get "$1" --namespace "${2:-media}" --output jsonpath='{.metadata.deletionTimestamp}') ]]
}
all_hang() {
    hangs rcb/one
    hangs namespace/sports
    hangs $crd
}
gone() {
    refused "NotFound" kubectl get "$1" --namespace "${2:-media}"
}
# tells_the_way_out: the Secret went before the operator came back, so only a command that the message has ends this.
tells_the_way_out() {
    kubectl get rcb live --namespace sports --output jsonpath='{.status.conditions[?(@.type=="Ready")].message}' >"$work/message"
    grep -F "Secret huaweicloud does not exist" "$work/message"
    sed -n 's/.*leave the callback at the cloud: \(kubectl patch .*\)/\1/p' "$work/message" >"$work/way-out"
    grep . "$work/way-out"
}
take_the_way_out() {
    eval "$(<"$work/way-out")"
}
# let_go: `release` for all, which prints the id of each callback that stays.
let_go() {
    local said id
    said=$($operator release --all --all-namespaces)
    echo "$said"
    for id in $(rows | cut -d' ' -f1); do
        grep -cF "$id" <<<"$said"
    done
}

check "it is installed again" installed
check "objects adopt the callbacks of before" eval 'callback media one "deletionPolicy: Delete" && callback media two "adoptionPolicy: Always" && becomes_ready media one && becomes_ready media two'
check "a second tenant has one, too" eval 'tenant sports && callback sports live && becomes_ready sports live'
before=$(rows)

check "release refuses while an operator is alive" refused "is alive" $operator release --all --all-namespaces
check "the operator is uninstalled first" uninstalled
check "an object is deleted" kubectl delete rcb one --namespace media --wait=false
check "a namespace is deleted" kubectl delete namespace sports --wait=false
check "the object hangs" eventually hangs rcb/one
check "the object in the namespace hangs" eventually hangs rcb/live sports
check "and with it the namespace" hangs namespace/sports
check "installed again, the operator finishes what it finds" installed
check "the object is gone" eventually gone rcb/one
check "with its callback" equal "$(grep -v ' one ' <<<"$before")" "$(rows)"
check "that in the namespace, whose Secret is gone, tells the way out" eventually tells_the_way_out
check "which is taken" take_the_way_out
check "the namespace is gone" eventually gone namespace/sports
check "and the callback has stayed" equal "$(grep -v ' one ' <<<"$before")" "$(rows)"
control DELETE "/rows/$(rows | grep ' live ' | cut -d' ' -f1)" >/dev/null

check "once more a second tenant has one" eval 'tenant sports && callback sports live && becomes_ready sports live'
check "and the first a new one" eval 'callback media one && becomes_ready media one'
before=$(rows)
check "the operator is uninstalled first, again" uninstalled
check "an object is deleted" kubectl delete rcb one --namespace media --wait=false
check "a namespace is deleted" kubectl delete namespace sports --wait=false
check "the CRD is deleted" kubectl delete $crd --wait=false
check "all three hang" eventually all_hang
check "release lets go of all, and tells the ids of what stays" let_go
check "the object is gone" eventually gone rcb/one
check "the namespace is gone" eventually gone namespace/sports
check "the CRD is gone" eventually gone $crd
check "and the callbacks are all still at the cloud" equal "$before" "$(rows)"

check "it is installed once more, with the CRD" installed
check "an object adopts its callback" eval 'callback media two && becomes_ready media two'
check "the operator is uninstalled first, a third time" uninstalled
check "the CRD is deleted" kubectl delete $crd --wait=false
check "the object hangs" eventually hangs rcb/two
check "the operator is installed without the CRD" release install $rco $chart "${settings[@]}" --set crds.enabled=false
check "it lets the object go, and the CRD is gone" eventually gone $crd
check "and the callbacks are all still at the cloud" equal "$before" "$(rows)"
check "the operator is uninstalled last" uninstalled
