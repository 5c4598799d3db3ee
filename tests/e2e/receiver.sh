# Sourced by run.sh: the receiver of deploy/examples with the key of signed.yaml, told by the cloud of a recording.

# receiver_log WORD: a line of the receiver's log that has this verdict.
receiver_log() {
    kubectl logs deployment/notification-receiver --namespace media | grep -F "\"verdict\":\"$1\""
}
# signed_id: that of the callback of signed.yaml.
signed_id() {
    rows | sed -n 's/^\([^ ]*\) signed .*/\1/p'
}
# notified STATUS [ORDER]: what the receiver answers to a notification that the cloud sends.
notified() {
    equal "$1" "$(control POST "/notify/$(signed_id)" "${2:-}" | value status)"
}
apply_receiver() {
    sed "s|image.invalid/|$registry/|" deploy/examples/receiver.yaml | kubectl apply --namespace media -f -
    kubectl rollout status deployment/notification-receiver --namespace media --timeout=120s
}
# to_receiver: the example, notifying the receiver's pod, which the cloud beside the cluster reaches.
to_receiver() {
    local address
    address=$(kubectl get pods --namespace media --selector app.kubernetes.io/name=notification-receiver \
        --output jsonpath='{.items[0].status.podIP}')
    kubectl patch rcb signed --namespace media --type merge \
        --patch '{"spec":{"notifyCallbackURL":"http://'"$address"':8081/record"}}'
    becomes_ready media signed
}

check "the example with a key is applied" kubectl apply --namespace media -f deploy/examples/signed.yaml
check "it becomes Ready" becomes_ready media signed
check "the receiver of the examples becomes ready with the key's Secret" apply_receiver
check "the callback is sent there" to_receiver
check "a recording that starts is told" notified 200 '{"event":"RECORD_NEW_FILE_START"}'
check "and one that is complete" notified 200 '{"event":"RECORD_FILE_COMPLETE"}'
check "the receiver's log has them as genuine" equal 2 "$(receiver_log Genuine | wc -l)"
check "what no object of the namespace is about is refused" notified 403 '{"overrides":{"app":"elsewhere"}}'
check "and told" receiver_log Elsewhere
check "what has expired is refused" notified 401 '{"overrides":{"auth_timestamp":1583676745}}'
check "the receiver is deleted again" kubectl delete --namespace media --wait -f deploy/examples/receiver.yaml -f deploy/examples/signed.yaml
