// One binary that is what a Kubernetes node runs, and what places pods on it: kubelet, kube-proxy and the scheduler, from
// their upstream modules. This file only decides which of them a process is; it holds no logic of its own.
package main

import (
	"context"
	"fmt"
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics on /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric on /metrics
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// components are the programs that this binary can be, named by its first argument. Each reads os.Args, as upstream's
// main functions do.
var components = map[string]func(){
	"kube-proxy":     func() { os.Exit(cli.Run(proxy.NewProxyCommand())) },
	"kube-scheduler": func() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) },
	"kubelet":        func() { os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background()))) },
}

func main() {
	if len(os.Args) > 1 {
		if component, ok := components[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			component()
		}
	}
	fmt.Fprintln(os.Stderr, "usage: node kubelet|kube-proxy|kube-scheduler ARGUMENTS...")
	os.Exit(2)
}
