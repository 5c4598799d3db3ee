# Sourced by inside.sh: etcd, API server, controllers and scheduler, and what everybody identifies themselves by.

tokens=()

# identity NAME USER GROUP: a token, and a kubeconfig with it. The certificate of the API server is added when it is there.
identity() {
    local token
    token=$(openssl rand -hex 16)
    tokens+=("$token,$2,$2,$3")
    cat >"$dir/$1.kubeconfig" <<-EOF
	apiVersion: v1
	kind: Config
	current-context: node
	contexts: [{name: node, context: {cluster: node, user: $1}}]
	clusters: [{name: node, cluster: {server: "$server", certificate-authority: "$dir/pki/apiserver.crt"}}]
	users: [{name: $1, user: {token: $token}}]
	EOF
}

credentials() {
    mkdir -p "$dir/pki"
    identity admin admin system:masters
    identity kubelet system:node:node0 system:nodes
    identity kube-proxy system:kube-proxy ""
    identity kube-scheduler system:kube-scheduler ""
    identity kube-controller-manager system:kube-controller-manager ""
    printf '%s\n' "${tokens[@]}" >"$dir/tokens.csv"
    openssl genrsa -out "$dir/pki/service-accounts.key" 2048 2>/dev/null
    # The API server's way to the kubelet, for logs and exec.
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /O=system:masters/CN=kube-apiserver \
        -keyout "$dir/pki/kubelet-client.key" -out "$dir/kubelet-clients.crt" 2>/dev/null
}

start_control_plane() {
    local listen=unix://localhost:2379
    cd "$dir" # The socket of etcd is named relative to it.
    daemon etcd "$bin/kube" etcd --name=etcd --data-dir="$dir/etcd" --unsafe-no-fsync --log-level=warn \
        --listen-client-urls=$listen --advertise-client-urls=$listen --heartbeat-interval=10 --election-timeout=100 \
        --listen-peer-urls=unix://localhost:2380 --initial-advertise-peer-urls=unix://localhost:2380 \
        --initial-cluster=etcd=unix://localhost:2380
    daemon kube-apiserver "$bin/kube" kube-apiserver --etcd-servers=$listen --cert-dir="$dir/pki" \
        --bind-address=0.0.0.0 --advertise-address=10.244.0.1 --secure-port=6443 --service-cluster-ip-range=10.96.0.0/16 \
        --endpoint-reconciler-type=lease --allow-privileged --token-auth-file="$dir/tokens.csv" \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
        --service-account-issuer=https://kubernetes.default.svc.cluster.local \
        --service-account-key-file="$dir/pki/service-accounts.key" \
        --service-account-signing-key-file="$dir/pki/service-accounts.key" \
        --kubelet-client-certificate="$dir/kubelet-clients.crt" --kubelet-client-key="$dir/pki/kubelet-client.key" \
        --kubelet-preferred-address-types=InternalIP
    cd - >/dev/null
    until_true "the API server is ready" kubectl get --raw /readyz
    daemon kube-controller-manager "$bin/kube" kube-controller-manager --leader-elect=false --secure-port=0 \
        --kubeconfig="$dir/kube-controller-manager.kubeconfig" --use-service-account-credentials \
        --root-ca-file="$dir/pki/apiserver.crt" --service-account-private-key-file="$dir/pki/service-accounts.key"
    daemon kube-scheduler "$bin/node" kube-scheduler --leader-elect=false --secure-port=0 \
        --kubeconfig="$dir/kube-scheduler.kubeconfig"
}
