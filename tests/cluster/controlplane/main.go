// Package controlplane runs a Kubernetes control plane on this machine's loopback: etcd, the API server and the
// controller manager as child processes of the binary that it is linked into. This file reads the command line.
package controlplane

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = `A Kubernetes control plane on the loopback of this machine, in one binary.

  kube run [--dir DIR] [--stop-on-stdin-eof]   in the foreground; without --dir in a temporary directory
  kube up --dir DIR                            in the background; returns when it is ready
  kube status --dir DIR                        says whether it runs
  kube down --dir DIR                          stops it; returns when no process is left

run, up and status print one line of JSON: kubeconfig, server, dir, pid. SIGTERM to that pid stops the control plane,
SIGUSR1 kills its API server and starts it again on the same port.

  kube kubectl ...                             kubectl; likewise etcd, kube-apiserver, kube-controller-manager;
                                               also by a link of that name
`

// Exit codes.
const (
	success = 0
	failed  = 1
	misused = 2
)

// Main runs one command of the orchestrator and returns the process's exit code.
func Main(args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		fmt.Print(usage)
		return success
	}
	flags := flag.NewFlagSet("kube "+args[0], flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintf(os.Stderr, "\n%s", usage) }
	dir := flags.String("dir", "", "")
	var stopOnEOF bool
	if args[0] == "run" {
		flags.BoolVar(&stopOnEOF, "stop-on-stdin-eof", false, "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return misused
	}
	var err error
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "kube %s: unexpected argument %q\n", args[0], flags.Arg(0))
		return misused
	case args[0] == "run":
		err = foreground(*dir, stopOnEOF)
	case *dir == "":
		fmt.Fprintf(os.Stderr, "kube %s: --dir DIR must say which control plane; see kube help\n", args[0])
		return misused
	case args[0] == "up":
		err = printed(up(*dir))
	case args[0] == "status":
		err = printed(status(*dir))
	case args[0] == "down":
		err = down(*dir)
	default:
		fmt.Fprintf(os.Stderr, "kube: unknown command %q; see kube help\n", args[0])
		return misused
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "kube %s: %v\n", args[0], err)
		return failed
	}
	return success
}

// foreground runs a control plane in the given directory, or in one that exists only as long as it runs.
func foreground(dir string, stopOnEOF bool) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "kube-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var stopped io.Reader
	if stopOnEOF {
		stopped = os.Stdin
	}
	return run(dir, stopped, os.Stdout, os.Stderr)
}

func printed(line string, err error) error {
	fmt.Print(line)
	return err
}
