# Sourced by scripts that run the operator against a simulated cloud: tenants with credentials for it, and their objects.
# Needs ak, sk, project and endpoint, and control.sh.

tenant() {
    kubectl create namespace "$1" >/dev/null
    secret "$1"
}

# secret NAMESPACE: credentials for the cloud.
secret() {
    kubectl create secret generic huaweicloud --namespace "$1" --from-literal=ak="$ak" --from-literal=sk="$sk" \
        --from-literal=region=cn-north-4 --from-literal=project_id="$project" \
        --from-literal=live_endpoint="$endpoint" >/dev/null
}

# callback NAMESPACE NAME [FIELD]: applies an object for the app NAME, with one more line of the spec.
callback() {
    kubectl apply --namespace "$1" -f - <<EOF
apiVersion: live.huaweicloud.com/v1alpha1
kind: RecordingCallback
metadata: {name: $2}
spec:
  publishDomain: push.example.com
  app: $2
  notifyCallbackURL: https://hooks.example.com/$2
  credentialsSecretRef: {name: huaweicloud}
  ${3:-}
EOF
}

# rows: the callbacks at the cloud, one a line: id, app, URL.
rows() {
    control GET /rows | python3 -c '
import json, sys
for row in sorted(json.load(sys.stdin), key=lambda row: row["app"]):
    print(row["id"], row["app"], row["notify_callback_url"])'
}
