# Sourced by check.sh: the admission policies on the real API server. Dry-runs, but for the objects that are older than the
# policies.

# callback NAMESPACE NAME DOMAIN FIELDS...: the manifest of a RecordingCallback.
callback() {
    printf 'apiVersion: live.huaweicloud.com/v1alpha1\nkind: RecordingCallback\nmetadata: {namespace: %s, name: %s}\n' "$1" "$2"
    printf 'spec:\n  publishDomain: %s\n  app: live\n' "$3"
    shift 3
    if (($# > 0)); then printf '  %s\n' "$@"; fi
}
created() {
    callback "$@" | kubectl create --dry-run=server --validate=strict -f -
}
edited() {
    kubectl patch recordingcallback "$1" --namespace team-a --dry-run=server --type=merge --patch "{\"spec\":$2}"
}
old_objects() {
    kubectl apply -f crds
    kubectl wait --for=condition=Established --timeout=30s $crd
    callback team-a insecure old.example.com 'notifyCallbackURL: http://hooks.example.com/record' 'signType: MD5' | kubectl create -f -
}
check "an object that is older than the policies" old_objects
check "the policies are installed" kubectl apply -f deploy/policies/
check "domains are allowed to a namespace" kubectl annotate namespace team-a \
    live.huaweicloud.com/allowed-domains='push.example.com, *.media.example.com'
check "every domain is allowed to another" kubectl annotate namespace default live.huaweicloud.com/allowed-domains='*'

# A policy takes effect a moment after it was created.
check "refused: a domain of a namespace without any" eventually \
    refused "namespace team-b may not use the domain push.example.com: allowed are none" created team-b new push.example.com
check "refused: a domain of another namespace" eventually \
    refused "allowed are push.example.com, *.media.example.com" created team-a new other.example.com
check "refused: a domain that only ends like an allowed one" refused "may not use" created team-a new evilmedia.example.com
check "refused: the domain above an allowed *." refused "may not use" created team-a new media.example.com
check "accepted: an allowed domain" created team-a new push.example.com
check "accepted: a domain below an allowed *." created team-a new a.b.media.example.com
check "accepted: any domain where * is" eventually created default new whatever.example.com

own=(team-a new push.example.com)
check "refused: an http:// URL" eventually refused "write an https:// URL" created "${own[@]}" 'notifyCallbackURL: http://hooks.example.com/'
check "accepted: an https:// URL" created "${own[@]}" 'notifyCallbackURL: https://hooks.example.com/'
check "refused: MD5" eventually refused "write HMACSHA256" created "${own[@]}" 'signType: MD5'
check "accepted: HMACSHA256" created "${own[@]}" 'signType: HMACSHA256'

check "an older object can be edited elsewhere" edited insecure '{"deletionPolicy":"Retain"}'
check "it can be made right" edited insecure '{"notifyCallbackURL":"https://hooks.example.com/record","signType":null}'
check "it cannot be given another http:// URL" refused "write an https:// URL" \
    edited insecure '{"notifyCallbackURL":"http://other.example.com/record"}'
check "its finalizer can be set, as the operator does" kubectl patch recordingcallback insecure --namespace team-a \
    --dry-run=server --type=merge --patch '{"metadata":{"finalizers":["live.huaweicloud.com/recording-callback"]}}'
check "it can be deleted" kubectl delete recordingcallback insecure --namespace team-a --timeout=30s
check "the policies are removed" kubectl delete -f deploy/policies/
