// Control planes in the background: started detached, found again by their directory, stopped by it. What runs is
// decided by the directory's lock alone.

package controlplane

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopLimit is longer than an orchestrator needs to stop its three components.
const stopLimit = 10 * time.Second

// up starts a control plane in the background, unless it runs already, and returns its announcement.
func up(dir string) (string, error) {
	if running, err := held(dir); err != nil {
		return "", err
	} else if running {
		return status(dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, logsDir), 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, logsDir, "kube.log")
	log, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer log.Close()
	orchestrator := exec.Command("/proc/self/exe", "run", "--dir", dir)
	orchestrator.Args[0] = "kube"
	orchestrator.Stderr = log
	orchestrator.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := orchestrator.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := orchestrator.Start(); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		// The log says more than its exit code.
		_ = orchestrator.Wait()
		return "", errors.New(strings.TrimSpace(tail(path)))
	}
	return line, nil
}

// status returns the announcement of the control plane that runs in a directory.
func status(dir string) (string, error) {
	running, err := held(dir)
	if err != nil {
		return "", err
	}
	if !running {
		return "", fmt.Errorf("no control plane runs in %s", dir)
	}
	announcement, err := os.ReadFile(filepath.Join(dir, announcementFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the control plane in %s is starting or stopping", dir)
	}
	return string(announcement), err
}

// down stops the control plane of a directory, if one runs, and returns once none of its processes is left.
func down(dir string) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		running, err := held(dir)
		if err != nil || !running {
			return err
		}
		pid, err := holder(dir)
		if err != nil {
			return err
		}
		// When it has ended in between, the next look at the lock shows it.
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
		for deadline := time.Now().Add(stopLimit); running && time.Now().Before(deadline); time.Sleep(pollInterval) {
			if running, err = held(dir); err != nil {
				return err
			}
		}
	}
	if running, err := held(dir); err != nil || !running {
		return err
	}
	return fmt.Errorf("the control plane in %s has processes that do not end", dir)
}
