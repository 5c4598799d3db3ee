// The two things that a control plane owns exclusively: its directory, by a lock that all its processes hold, and its
// port, by a socket that is bound but never listens.

package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// errHeld says that the directory's control plane has processes.
var errHeld = errors.New("held by a running control plane")

// acquire takes the lock of a directory. It is free again when the last process that inherited it has ended: unlike
// a process's own locks, it belongs to the open file.
func acquire(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		lock.Close()
		if errors.Is(err, unix.EAGAIN) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return lock, nil
}

// held tells whether a directory's control plane has processes. It takes nothing, so it is in nobody's way.
func held(dir string) (bool, error) {
	lock, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	found := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_GETLK, &found); err != nil {
		return false, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return found.Type != unix.F_UNLCK, nil
}

// sign writes the orchestrator's process id into the lock, for those who find it held.
func sign(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder returns the process id of the orchestrator that holds a directory's lock.
func holder(dir string) (int, error) {
	content, err := os.ReadFile(filepath.Join(dir, lockFile))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// reservePort returns a free port of the loopback address, and the socket that keeps it: the kernel gives the port to
// nobody else, while a server of the same user that shares ports can listen on it, and be replaced by another.
func reservePort() (socket, port int, err error) {
	socket, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, 0, err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		return 0, 0, err
	}
	address, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, 0, fmt.Errorf("bound to %v, not to an IPv4 address", name)
	}
	return socket, address.Port, nil
}
