// The orchestrator: one event loop that starts the components in order, says when all is ready, and stops them in the
// opposite order, whatever the reason. Only this loop's goroutine starts processes.

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

const (
	// startLimit is generous: a machine may be busy with compilers.
	startLimit = 2 * time.Minute
	// stopGrace is how long a component may take to end. What the API server and the controllers then have in flight
	// belongs to clients that are being torn down as well.
	stopGrace = 1500 * time.Millisecond
)

// Announcement is what a control plane says once it is ready, as one line of JSON.
type Announcement struct {
	Kubeconfig string `json:"kubeconfig"`
	Server     string `json:"server"`
	Dir        string `json:"dir"`
	// PID is the orchestrator's: SIGTERM stops the control plane, SIGUSR1 replaces the API server.
	PID int `json:"pid"`
}

// What a control plane's directory holds for others; the first two only while it runs.
const (
	announcementFile = "ready.json"
	// pidsDir has a file for each component, with its process id.
	pidsDir = "pids"
	logsDir = "logs"
)

// plane is a control plane while it is run.
type plane struct {
	dir     string
	lock    *os.File
	port    int
	client  *client
	running []*process
	ended   chan *process
}

// step is a part of the start: when the question is answered with yes, the next thing is done.
type step struct {
	what string
	ask  func(context.Context) error
	then func() error
}

// run starts a control plane in a directory, announces it, and returns when it is stopped: by a signal, by the end of
// stopped (nil means never), or because one of its components died.
func run(dir string, stopped io.Reader, out, diagnostics io.Writer) error {
	// Children die with the thread that starts them, see start.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)

	p, err := prepare(dir)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.start(Etcd, etcdArgs(dir)); err != nil {
		return err
	}
	return p.supervise(signals, endOf(stopped), out, diagnostics)
}

// prepare makes everything that the components need before the first of them starts.
func prepare(dir string) (*plane, error) {
	lock, err := acquire(dir)
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("%s is %w; stop it with: kube down --dir %s", dir, err, dir)
	}
	if err != nil {
		return nil, err
	}
	if err := sign(lock); err != nil {
		return nil, err
	}
	if err := forget(dir); err != nil {
		return nil, err
	}
	for _, name := range []string{logsDir, pidsDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	// Unix sockets are named relative to it.
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	// The socket stays open, and the port so taken, as long as this process lives.
	_, port, err := reservePort()
	if err != nil {
		return nil, fmt.Errorf("no port on 127.0.0.1: %w", err)
	}
	client, err := writeCredentials(dir, fmt.Sprintf("https://127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return &plane{dir: dir, lock: lock, port: port, client: client, ended: make(chan *process, 8)}, nil
}

// supervise walks through the steps of the start and then reacts to what happens, until something ends it.
func (p *plane) supervise(signals <-chan os.Signal, stopped <-chan struct{}, out, diagnostics io.Writer) error {
	steps := []step{
		{"etcd listens", etcdListens, func() error { return p.start(APIServer, apiServerArgs(p.dir, p.port)) }},
		{"the API server is ready", p.client.ready, func() error { return p.start(ControllerManager, controllerManagerArgs(p.dir)) }},
		{"the controllers have set up the namespace default", p.client.bootstrapped, func() error { return p.announce(out) }},
	}
	starting, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	passed := make(chan error, 1)
	wait := func() { go func(s step) { passed <- poll(starting, s.ask) }(steps[0]) }
	wait()
	for {
		select {
		case err := <-passed:
			if err != nil {
				return fmt.Errorf("not ready after %s, still waiting until %s: %w", startLimit, steps[0].what, err)
			}
			if err := steps[0].then(); err != nil {
				return err
			}
			if steps = steps[1:]; len(steps) > 0 {
				wait()
			}
		case ended := <-p.ended:
			if !ended.stopping {
				return fmt.Errorf("%s died: %w; the end of %s:\n%s", ended.name, ended.exit(), ended.log, tail(ended.log))
			}
		case received := <-signals:
			if received != syscall.SIGUSR1 {
				return nil
			}
			if len(steps) > 0 {
				fmt.Fprintln(diagnostics, "kube: SIGUSR1 ignored: the control plane is still starting")
			} else if err := p.replaceAPIServer(); err != nil {
				return err
			}
		case <-stopped:
			return nil
		}
	}
}

func (p *plane) start(name string, args []string) error {
	started, err := start(name, p.dir, args, p.lock, p.ended)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p.running = append(p.running, started)
	return nil
}

// announce tells whoever waits, and `status` through a file.
func (p *plane) announce(out io.Writer) error {
	line, err := json.Marshal(Announcement{filepath.Join(p.dir, "kubeconfig"), p.client.server, p.dir, os.Getpid()})
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(p.dir, announcementFile), string(line)+"\n"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}

// replaceAPIServer crashes the API server and starts it again on the same port.
func (p *plane) replaceAPIServer() error {
	for i, running := range p.running {
		if running.name == APIServer {
			running.kill()
			p.running = slices.Delete(p.running, i, i+1)
			break
		}
	}
	return p.start(APIServer, apiServerArgs(p.dir, p.port))
}

// stop ends all components: first the controllers, then the API server, last etcd.
func (p *plane) stop() {
	for _, name := range []string{ControllerManager, APIServer, Etcd} {
		for _, running := range p.running {
			if running.name == name {
				running.stop(stopGrace)
			}
		}
	}
	// A leftover does no harm: it is believed only while the lock is held.
	_ = forget(p.dir)
}

// forget removes the files that speak of a running control plane.
func forget(dir string) error {
	return errors.Join(os.RemoveAll(filepath.Join(dir, announcementFile)), os.RemoveAll(filepath.Join(dir, pidsDir)))
}

// endOf returns a channel that is closed when the reader ends; without a reader it never is.
func endOf(reader io.Reader) <-chan struct{} {
	end := make(chan struct{})
	if reader != nil {
		go func() {
			_, _ = io.Copy(io.Discard, reader)
			close(end)
		}()
	}
	return end
}
