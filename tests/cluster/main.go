// One binary that is a whole Kubernetes control plane: etcd, the API server, the controller manager and kubectl from
// their upstream modules, and the orchestrator (run, up, down, status) that ties them together. This file only decides
// which of them a process is; it holds no logic of its own.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // as upstream's binaries do, for CronJob time zones on machines without a zone database

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl's authentication plugins
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics on /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric on /metrics
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"recording-callback-operator/tests/cluster/controlplane"
)

// components are the programs that this binary can be. Each reads os.Args, as upstream's main functions do.
var components = map[string]func(){
	controlplane.Etcd:              func() { etcdmain.Main(os.Args) },
	controlplane.APIServer:         func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
	controlplane.ControllerManager: func() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) },
	"kubectl":                      runKubectl,
}

func main() {
	if component, ok := components[filepath.Base(os.Args[0])]; ok {
		component()
		return
	}
	if len(os.Args) > 1 {
		if component, ok := components[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			component()
			return
		}
	}
	os.Exit(controlplane.Main(os.Args[1:]))
}

// runKubectl does what upstream's kubectl does: verbosity is read by hand, before any flag is parsed, so that the
// construction of the command is logged too.
func runKubectl() {
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
