// The command line of every component: what a control plane made for tests needs, and nothing else. No process is
// started here.

package controlplane

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The components, by the names that the binary answers to (as argv[0] or as first argument).
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

// Unix sockets, in the working directory that all components share: no port to run out of, no other user of the machine
// who could write to etcd, no 108-byte limit on the directory's path. Their names look like addresses since etcd
// insists on a host and a port.
const (
	etcdSocket = "localhost:2379"
	etcdURL    = "unix://" + etcdSocket
	etcdPeers  = "unix://localhost:2380"
)

// The controllers that make a cluster without nodes behave like one: garbage collection, namespace deletion, service
// accounts with tokens and root certificate, aggregated ClusterRoles, policies, and the workload controllers that a
// Helm chart's objects meet.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"deployment-controller",
	"disruption-controller",
	"garbage-collector-controller",
	"job-controller",
	"namespace-controller",
	"replicaset-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"validatingadmissionpolicy-status-controller",
}

// etcdArgs trades durability for speed: a test's data need not survive a power failure. The short election timeout
// makes the only member its own leader at once. The quota replaces compaction, which etcd and the API server leave off.
func etcdArgs(dir string) []string {
	return []string{
		"--name=etcd",
		"--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + etcdPeers,
		"--initial-advertise-peer-urls=" + etcdPeers,
		"--initial-cluster=etcd=" + etcdPeers,
		"--heartbeat-interval=10",
		"--election-timeout=100",
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}
}

// apiServerArgs keeps upstream's defaults for everything that an operator can observe: RBAC, priority and fairness,
// admission, API versions. Port sharing lets the orchestrator hold the port while the API server is down. There are
// no nodes and so no endpoints to publish, and a loopback address could not be one.
func apiServerArgs(dir string, port int) []string {
	keys := filepath.Join(dir, "pki")
	return []string{
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--permit-port-sharing",
		"--endpoint-reconciler-type=none",
		"--etcd-servers=" + etcdURL,
		"--etcd-compaction-interval=0",
		"--authorization-mode=RBAC",
		"--allow-privileged",
		"--client-ca-file=" + filepath.Join(keys, "ca.crt"),
		"--tls-cert-file=" + filepath.Join(keys, "apiserver.crt"),
		"--tls-private-key-file=" + filepath.Join(keys, "apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + filepath.Join(keys, "service-accounts.key"),
		"--service-account-signing-key-file=" + filepath.Join(keys, "service-accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
	}
}

func controllerManagerArgs(dir string) []string {
	keys := filepath.Join(dir, "pki")
	return []string{
		"--kubeconfig=" + filepath.Join(dir, "controller-manager.kubeconfig"),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--use-service-account-credentials",
		"--root-ca-file=" + filepath.Join(keys, "ca.crt"),
		"--service-account-private-key-file=" + filepath.Join(keys, "service-accounts.key"),
	}
}
