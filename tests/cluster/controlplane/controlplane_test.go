// The promises of the control plane, checked on the built binary: how it starts and ends, and that what runs is a
// cluster.

package controlplane_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"recording-callback-operator/tests/cluster/controlplane"
)

// startLimit is what two cores need, with a good margin.
const startLimit = 6 * time.Second

func TestStartsQuicklyAndLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	p := run(t, tmp)
	t.Logf("ready after %s, on a machine without other work %s", p.startTime, p.undisturbed)
	if p.undisturbed > startLimit {
		t.Errorf("ready after %s", p.undisturbed)
	}
	if running := processesOf(t, p.Dir); len(running) != 3 {
		t.Errorf("processes: %v", running)
	}
	p.stopByEOF()
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left in TMPDIR: %v, %v", left, err)
	}
}

func TestIsACluster(t *testing.T) {
	p := run(t, t.TempDir())

	t.Run("a new namespace gets its service account and goes with all that is in it", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.kubectl("create", "namespace", "short-lived")
		c.succeeds("get", "serviceaccount", "default", "-n", "short-lived")
		c.succeeds("get", "configmap", "kube-root-ca.crt", "-n", "short-lived")
		c.kubectl("create", "token", "default", "-n", "short-lived")
		c.kubectl("create", "secret", "generic", "some", "-n", "short-lived")
		c.kubectl("delete", "namespace", "short-lived", "--wait=false")
		c.gone("namespace", "short-lived")
	})

	t.Run("garbage is collected", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.kubectl("create", "configmap", "owner")
		uid := c.kubectl("get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}")
		c.apply(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: owned,
			ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: %s}]}}`, uid))
		c.kubectl("delete", "configmap", "owner")
		c.gone("configmap", "owned")
	})

	t.Run("workloads are rolled out up to the pods", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.kubectl("create", "deployment", "web", "--image=example.invalid/web:1")
		c.succeeds("wait", "deployment/web", "--for=jsonpath={.status.unavailableReplicas}=1", "--timeout=1s")
		c.kubectl("create", "job", "once", "--image=example.invalid/once:1")
		c.succeeds("wait", "job/once", "--for=jsonpath={.status.active}=1", "--timeout=1s")
	})

	t.Run("roles are aggregated and enforced", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.apply(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: more-to-view,
			labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}},
			rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get]}]}`)
		c.kubectl("create", "rolebinding", "viewer", "--clusterrole=view", "--user=viewer")
		c.succeeds("auth", "can-i", "get", "leases", "--as=viewer")
		if out, err := c.try("", "get", "secrets", "--as=viewer"); err == nil || !strings.Contains(out, "Forbidden") {
			t.Errorf("a viewer reads secrets: %s", out)
		}
	})

	t.Run("policies in CEL are admitted by", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.apply(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: no-forbidden},
			spec: {matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]},
			validations: [{expression: "object.metadata.name != 'forbidden'", message: "not this name"}]}}`)
		c.apply(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: no-forbidden},
			spec: {policyName: no-forbidden, validationActions: [Deny]}}`)
		eventually(t, func() error {
			out, err := c.try("", "create", "configmap", "forbidden", "--dry-run=server")
			if err == nil || !strings.Contains(out, "not this name") {
				return fmt.Errorf("not denied: %s", out)
			}
			return nil
		})
	})

	t.Run("the API server can be crashed alone", func(t *testing.T) {
		c := cluster{p.Announcement, t}
		c.kubectl("create", "configmap", "survivor")
		before := c.pid(controlplane.APIServer)
		c.signal(syscall.SIGUSR1)
		eventually(t, func() error {
			if c.pid(controlplane.APIServer) == before {
				return fmt.Errorf("process %d is still the API server", before)
			}
			return nil
		})
		c.succeeds("get", "--raw", "/readyz")
		c.kubectl("get", "configmap", "survivor")
		c.kubectl("create", "namespace", "after-the-crash")
		c.succeeds("get", "serviceaccount", "default", "-n", "after-the-crash")
	})

	p.stopBySignal(syscall.SIGTERM)
}

func TestTwoAtOnce(t *testing.T) {
	one := run(t, t.TempDir())
	other := run(t, t.TempDir())
	one.kubectl("create", "namespace", "mine")
	other.gone("namespace", "mine")

	// Nobody gets the port while the API server is away.
	address, err := url.Parse(one.Server)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(one.pid(controlplane.APIServer), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if taken, err := net.Listen("tcp", address.Host); err == nil {
		taken.Close()
		t.Errorf("%s could be taken", address.Host)
	}
	if err := syscall.Kill(one.pid(controlplane.APIServer), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

func TestInTheBackground(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plane")
	command := func(name string) (string, error) {
		out, err := exec.Command(kube(t), name, "--dir", dir).Output()
		return string(out), err
	}
	t.Cleanup(func() {
		if _, err := command("down"); err != nil {
			t.Errorf("down: %v", err)
		}
	})

	if out, err := command("status"); err == nil {
		t.Errorf("runs before it is started: %s", out)
	}
	line, err := command("up")
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	c := cluster{announcement(t, line), t}
	for _, again := range []string{"status", "up"} {
		if out, err := command(again); err != nil || out != line {
			t.Errorf("%s says %q, %v; up said %q", again, out, err, line)
		}
	}
	if out, err := exec.Command(kube(t), "run", "--dir", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "kube down") {
		t.Errorf("two in one directory: %s", out)
	}
	c.kubectl("create", "configmap", "kept")

	// However the orchestrator dies, its components go with it.
	c.signal(syscall.SIGKILL)
	eventually(t, func() error {
		if left := processesOf(t, dir); len(left) > 0 {
			return fmt.Errorf("processes left: %v", left)
		}
		return nil
	})
	// A process that ends has no command line any more before it lets go of its files, and of the lock with them.
	eventually(t, func() error {
		if out, err := command("status"); err == nil {
			return fmt.Errorf("runs after a crash: %s", out)
		}
		return nil
	})

	// The directory can be used again, with what it holds.
	if line, err = command("up"); err != nil {
		t.Fatalf("up: %v", err)
	}
	c.Announcement = announcement(t, line)
	c.kubectl("get", "configmap", "kept")
	if _, err := command("down"); err != nil {
		t.Errorf("down: %v", err)
	}
	if left := processesOf(t, dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestAComponentDies(t *testing.T) {
	p := run(t, t.TempDir())
	if err := syscall.Kill(p.pid(controlplane.Etcd), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	diagnostics := p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(diagnostics, "etcd died: signal: killed") || !strings.Contains(diagnostics, `"level":"warn"`) {
		t.Errorf("neither the cause nor the log is told: %s", diagnostics)
	}
	if left := processesOf(t, p.Dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{{"walk"}, {"up"}, {"run", "--fast"}, {"run", "there"}, {"down", "--dir"}} {
		err := exec.Command(kube(t), args...).Run()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 {
			t.Errorf("kube %s: %v", strings.Join(args, " "), err)
		}
	}
}
