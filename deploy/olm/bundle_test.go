package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	"sigs.k8s.io/yaml"
)

// made is the bundle as bundle.sh makes it, judged by operator-framework's validators.
func made(t *testing.T) (string, v1alpha1.ClusterServiceVersion) {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "bundle")
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	if said, err := exec.Command("./bundle.sh", directory, "registry.example.com/operator@"+digest).CombinedOutput(); err != nil {
		t.Fatalf("%s", said)
	}
	text, err := os.ReadFile(filepath.Join(directory, "manifests/recording-callback-operator.clusterserviceversion.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var csv v1alpha1.ClusterServiceVersion
	if err := yaml.Unmarshal(text, &csv); err != nil {
		t.Fatal(err)
	}
	return directory, csv
}

func TestBundle(t *testing.T) {
	directory, csv := made(t)
	deployment := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec
	container := deployment.Template.Spec.Containers[0]
	if !strings.Contains(container.Image, "@sha256:") || csv.Annotations["containerImage"] != container.Image {
		t.Errorf("the image is %s", container.Image)
	}
	if slices.ContainsFunc(container.Args, func(arg string) bool { return strings.HasPrefix(arg, "--lease-namespace") }) {
		t.Error("the namespace of the Lease is the manager's choice")
	}
	if user := deployment.Template.Spec.SecurityContext.RunAsUser; user != nil {
		t.Errorf("the user is the platform's choice, not %d", *user)
	}
	// The manager takes them from nowhere else, and by them doctor finds an operator.
	labels := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Label
	for _, label := range []string{"live.huaweicloud.com/operator", "app.kubernetes.io/instance"} {
		if labels[label] != "recording-callback-operator" {
			t.Errorf("the Deployment's label %s is %q", label, labels[label])
		}
	}
	secrets := 0
	for _, rule := range csv.Spec.InstallStrategy.StrategySpec.Permissions[0].Rules {
		if slices.Contains(rule.Resources, "secrets") {
			secrets++
			if !slices.Equal(rule.Verbs, []string{"get"}) {
				t.Errorf("Secrets may be %v", rule.Verbs)
			}
		}
	}
	if secrets != 1 {
		t.Errorf("%d rules for Secrets", secrets)
	}
	for _, rule := range csv.Spec.InstallStrategy.StrategySpec.ClusterPermissions[0].Rules {
		if !slices.Equal(rule.Resources, []string{"customresourcedefinitions"}) {
			t.Errorf("in the whole cluster it may touch %v", rule.Resources)
		}
	}
	crd, err := os.ReadFile(filepath.Join(directory, "manifests/recordingcallbacks.live.huaweicloud.com.yaml"))
	if err != nil || !strings.Contains(string(crd), "live.huaweicloud.com/schema-version") {
		t.Error("the CRD has no schema version", err)
	}
}

// The judges are there: a bundle that lacks what they ask for does not pass.
func TestBadBundle(t *testing.T) {
	directory, _ := made(t)
	path := filepath.Join(directory, "manifests/recording-callback-operator.clusterserviceversion.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "installModes:", "modes:", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := judge(directory); err == nil || !strings.Contains(err.Error(), "install modes") {
		t.Errorf("the validators say %v", err)
	}
}
