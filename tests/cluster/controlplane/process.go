// One component as a child process: started, watched, stopped. Nothing here knows what the components are for.

package controlplane

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tailSize is how much of a log is shown when its process has failed.
const tailSize = 4096

// process is a running component, or one that has ended.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed once the process is gone and reaped; err is set before.
	ended chan struct{}
	err   error
	// stopping says that its end is wanted.
	stopping bool
}

// start runs this very binary as the component. The caller must be locked to its thread: the kernel kills the child
// when the thread that started it ends, which so happens however the orchestrator dies. The child holds the lock too,
// so that the lock is free only when no process is left, and has a process group of its own, so that a Ctrl-C at the
// terminal reaches the orchestrator alone. Its environment is empty: neither a proxy nor an ETCD_ variable may matter.
func start(name, dir string, args []string, lock *os.File, ended chan<- *process) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, logsDir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command("/proc/self/exe", args...)
	p.cmd.Args[0] = name
	p.cmd.Env = []string{"HOME=" + dir}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.ExtraFiles = []*os.File{lock}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
		ended <- p
	}()
	return p, replaceFile(filepath.Join(dir, pidsDir, name), strconv.Itoa(p.cmd.Process.Pid)+"\n")
}

// exit says how the process ended.
func (p *process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// kill ends the process as a crash would, and waits until it is gone.
func (p *process) kill() {
	p.stopping = true
	// It fails only when the process is gone already.
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the process to end and waits until it is gone; once the grace is over it asks no more.
func (p *process) stop(grace time.Duration) {
	p.stopping = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(grace):
		p.kill()
	}
}

// tail returns the end of a log, as much as is good to read.
func tail(path string) string {
	log, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	if _, err := log.Seek(-tailSize, io.SeekEnd); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err.Error()
	}
	content, err := io.ReadAll(log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// replaceFile writes a file that is seen whole or not at all.
func replaceFile(path, content string) error {
	incomplete := path + ".new"
	if err := os.WriteFile(incomplete, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(incomplete, path)
}
