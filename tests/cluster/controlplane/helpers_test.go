// What the tests of the control plane share: the built binary as a program under test, run the way its users run it.

package controlplane_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"recording-callback-operator/tests/cluster/controlplane"
)

const (
	// patience bounds every wait for the cluster to do something.
	patience = 20 * time.Second
	interval = 50 * time.Millisecond
)

// kube is the program under test: KUBE_BIN says which, build/bin/kube is the one that build.sh makes.
func kube(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KUBE_BIN")
	if path == "" {
		path = "../../../build/bin/kube"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; build it with tests/cluster/build.sh", err)
	}
	return path
}

// cluster is a control plane as its users see it.
type cluster struct {
	controlplane.Announcement
	t *testing.T
}

// plane is a control plane that runs in the foreground, as a child of the test.
type plane struct {
	cluster
	cmd       *exec.Cmd
	stdin     io.Closer
	stdout    *bufio.Reader
	stderr    bytes.Buffer
	startTime time.Duration
	// undisturbed is the start time less what the machine did for others meanwhile.
	undisturbed time.Duration
	ended       bool
}

// run starts `kube run` and waits until it says that it is ready. TMPDIR is where a directory of its own would be.
func run(t *testing.T, tmp string, args ...string) *plane {
	t.Helper()
	p := &plane{cluster: cluster{t: t}, cmd: exec.Command(kube(t), append([]string{"run", "--stop-on-stdin-eof"}, args...)...)}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	begin, busy := time.Now(), machineBusy(t)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.ended {
			p.stopByEOF()
		}
	})
	line, err := p.stdout.ReadString('\n')
	p.startTime = time.Since(begin)
	if err != nil {
		t.Fatalf("no announcement: %v\n%s", err, p.wait())
	}
	p.Announcement = announcement(t, line)
	others := machineBusy(t) - busy - p.busy()
	p.undisturbed = p.startTime - max(0, others)/time.Duration(runtime.NumCPU())
	return p
}

func announcement(t *testing.T, line string) controlplane.Announcement {
	t.Helper()
	var announced controlplane.Announcement
	if err := json.Unmarshal([]byte(line), &announced); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return announced
}

// wait waits for the end and returns what was written to stderr. Nothing but the announcement may be on stdout.
func (p *plane) wait() string {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil || len(rest) > 0 {
		p.t.Errorf("after the announcement stdout has %q, %v", rest, err)
	}
	// The exit code is what the caller looks at.
	_ = p.cmd.Wait()
	p.ended = true
	return p.stderr.String()
}

func (p *plane) stopByEOF() {
	p.t.Helper()
	if err := p.stdin.Close(); err != nil {
		p.t.Error(err)
	}
	p.stopped()
}

func (p *plane) stopBySignal(signal syscall.Signal) {
	p.t.Helper()
	p.signal(signal)
	p.stopped()
}

// stopped checks what is promised of a wanted end: exit code 0, quick, quiet, no process.
func (p *plane) stopped() {
	p.t.Helper()
	begin := time.Now()
	diagnostics := p.wait()
	if took := time.Since(begin); took > 5*time.Second {
		p.t.Errorf("stopping took %s", took)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || diagnostics != "" {
		p.t.Errorf("exit code %d, stderr: %s", code, diagnostics)
	}
	if left := processesOf(p.t, p.Dir); len(left) > 0 {
		p.t.Errorf("processes left: %v", left)
	}
}

func (c cluster) signal(signal syscall.Signal) {
	c.t.Helper()
	if err := syscall.Kill(c.PID, signal); err != nil {
		c.t.Fatal(err)
	}
}

// pid returns the process id of a component.
func (c cluster) pid(component string) int {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.Dir, "pids", component))
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// try runs kubectl and returns what it wrote, errors included.
func (c cluster) try(stdin string, args ...string) (string, error) {
	kubectl := exec.Command(kube(c.t), append([]string{"kubectl"}, args...)...)
	kubectl.Env = []string{"KUBECONFIG=" + c.Kubeconfig, "HOME=" + c.t.TempDir()}
	kubectl.Stdin = strings.NewReader(stdin)
	out, err := kubectl.CombinedOutput()
	return string(out), err
}

// kubectl runs a command that must succeed.
func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.try("", args...)
	if err != nil {
		c.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// apply applies a manifest that must be accepted.
func (c cluster) apply(manifest string) {
	c.t.Helper()
	if out, err := c.try(manifest, "apply", "--server-side", "-f", "-"); err != nil {
		c.t.Fatalf("apply: %v\n%s", err, out)
	}
}

// succeeds waits until a kubectl command succeeds.
func (c cluster) succeeds(args ...string) {
	c.t.Helper()
	eventually(c.t, func() error {
		if out, err := c.try("", args...); err != nil {
			return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	})
}

// gone waits until an object does not exist.
func (c cluster) gone(args ...string) {
	c.t.Helper()
	eventually(c.t, func() error {
		out, err := c.try("", append([]string{"get"}, args...)...)
		if err == nil || !strings.Contains(out, "NotFound") {
			return fmt.Errorf("still there: %s", out)
		}
		return nil
	})
}

func eventually(t *testing.T, ask func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(interval) {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
	}
}

// processesOf returns the command lines of the processes that name a directory. A zombie has none.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		// A process may end while we look.
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// tick is the kernel's unit in /proc/stat: 100 a second everywhere that Go runs.
const tick = 10 * time.Millisecond

// machineBusy returns how long the machine's processors have worked since it was started.
func machineBusy(t *testing.T) time.Duration {
	t.Helper()
	// cpu user nice system idle iowait irq softirq steal ...
	return ticks(t, "/proc/stat", 1, 2, 3, 6, 7, 8)
}

// busy returns how long processors have worked for a control plane.
func (p *plane) busy() time.Duration {
	p.t.Helper()
	sum := time.Duration(0)
	for _, pid := range []int{p.PID, p.pid(controlplane.Etcd), p.pid(controlplane.APIServer), p.pid(controlplane.ControllerManager)} {
		sum += ticks(p.t, fmt.Sprintf("/proc/%d/stat", pid), 13, 14)
	}
	return sum
}

// ticks sums up some fields of a file's first line.
func ticks(t *testing.T, path string, fields ...int) time.Duration {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	columns := strings.Fields(line)
	sum := time.Duration(0)
	for _, field := range fields {
		value, err := strconv.Atoi(columns[field])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		sum += time.Duration(value) * tick
	}
	return sum
}
