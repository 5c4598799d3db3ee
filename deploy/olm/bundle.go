// Makes the bundle by which the Operator Lifecycle Manager installs the operator, from what the Helm chart renders: what the chart grants
// and how it runs the pods is said once. Nothing here is decided anew but what only that manager has words for.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/operator-framework/api/pkg/lib/version"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// rendered is what the chart renders, as far as a bundle is made of it.
type rendered struct {
	crd        []byte
	work       []rbacv1.PolicyRule // on objects of namespaces
	cluster    []rbacv1.PolicyRule // on the CRD
	deployment appsv1.Deployment
}

// read takes the objects apart. An object of another kind is one that the manager makes by itself, or has no word for.
func read(text []byte) (rendered, error) {
	var found rendered
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if err := found.take(document); err != nil {
			return found, err
		}
	}
}

func (r *rendered) take(document []byte) error {
	var object metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(document, &object); err != nil {
		return err
	}
	switch object.Kind {
	case "CustomResourceDefinition":
		r.crd = document
	case "Deployment":
		return yaml.UnmarshalStrict(document, &r.deployment)
	case "Role", "ClusterRole":
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(document, &role); err != nil {
			return err
		}
		if strings.HasSuffix(role.Name, "-crd") {
			r.cluster = append(r.cluster, role.Rules...)
		} else {
			r.work = append(r.work, role.Rules...)
		}
	}
	return nil
}

// install is how the manager runs the operator: in the namespace that it chooses, for those that an OperatorGroup names.
func (r *rendered) install() v1alpha1.StrategyDetailsDeployment {
	spec := r.deployment.Spec
	pod := &spec.Template.Spec
	container := &pod.Containers[0]
	container.Env = append(container.Env, corev1.EnvVar{Name: "NAMESPACES", ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['olm.targetNamespaces']"},
	}})
	account := pod.ServiceAccountName
	return v1alpha1.StrategyDetailsDeployment{
		DeploymentSpecs:    []v1alpha1.StrategyDeploymentSpec{{Name: r.deployment.Name, Spec: spec, Label: r.deployment.Labels}},
		Permissions:        []v1alpha1.StrategyDeploymentPermissions{{ServiceAccountName: account, Rules: r.work}},
		ClusterPermissions: []v1alpha1.StrategyDeploymentPermissions{{ServiceAccountName: account, Rules: r.cluster}},
	}
}

// about is what people read of the operator in a catalogue.
type about struct {
	name, version, source, description string
	icon                               []byte
	examples                           []json.RawMessage
}

// csv is the ClusterServiceVersion.
func (r *rendered) csv(of about) (v1alpha1.ClusterServiceVersion, error) {
	examples, err := json.Marshal(of.examples)
	if err != nil {
		return v1alpha1.ClusterServiceVersion{}, err
	}
	release := version.OperatorVersion{}
	if err := json.Unmarshal(fmt.Appendf(nil, "%q", of.version), &release); err != nil {
		return v1alpha1.ClusterServiceVersion{}, err
	}
	image := r.deployment.Spec.Template.Spec.Containers[0].Image
	summary := "Keeps the recording callbacks of Huawei Cloud Live equal to what RecordingCallback objects declare"
	modes := []v1alpha1.InstallMode{}
	for _, mode := range []v1alpha1.InstallModeType{v1alpha1.InstallModeTypeOwnNamespace, v1alpha1.InstallModeTypeSingleNamespace,
		v1alpha1.InstallModeTypeMultiNamespace, v1alpha1.InstallModeTypeAllNamespaces} {
		modes = append(modes, v1alpha1.InstallMode{Type: mode, Supported: true})
	}
	return v1alpha1.ClusterServiceVersion{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.ClusterServiceVersionAPIVersion, Kind: v1alpha1.ClusterServiceVersionKind},
		ObjectMeta: metav1.ObjectMeta{
			Name: of.name + ".v" + of.version,
			// The manager asks for a namespace here and writes its own over it.
			Namespace: "placeholder",
			Labels: map[string]string{
				"operatorframework.io/arch.amd64": "supported", "operatorframework.io/arch.arm64": "supported", "operatorframework.io/os.linux": "supported",
			},
			Annotations: map[string]string{
				"alm-examples": string(examples), "capabilities": "Deep Insights", "categories": "Cloud Provider, Streaming & Messaging",
				"containerImage": image, "description": summary, "repository": of.source, "support": "The maintainers of " + of.name,
				"features.operators.openshift.io/disconnected": "true", "features.operators.openshift.io/proxy-aware": "true",
			},
		},
		Spec: v1alpha1.ClusterServiceVersionSpec{
			DisplayName: "Recording Callback Operator", Description: of.description, Version: release,
			Maturity: "alpha", MinKubeVersion: "1.30.0",
			Keywords:     []string{"huaweicloud", "live", "recording", "callback"},
			Maintainers:  []v1alpha1.Maintainer{{Name: "The maintainers of " + of.name, Email: "maintainers@example.com"}},
			Provider:     v1alpha1.AppLink{Name: "The maintainers of " + of.name, URL: of.source},
			Links:        []v1alpha1.AppLink{{Name: "Source", URL: of.source}},
			Icon:         []v1alpha1.Icon{{Data: base64.StdEncoding.EncodeToString(of.icon), MediaType: "image/svg+xml"}},
			InstallModes: modes,
			InstallStrategy: v1alpha1.NamedInstallStrategy{
				StrategyName: v1alpha1.InstallStrategyNameDeployment, StrategySpec: r.install(),
			},
			CustomResourceDefinitions: v1alpha1.CustomResourceDefinitions{Owned: []v1alpha1.CRDDescription{{
				Name: "recordingcallbacks.live.huaweicloud.com", Version: "v1alpha1", Kind: "RecordingCallback", DisplayName: "Recording callback",
				Description: "What the cloud calls when a recording of a live stream starts, ends or fails",
			}}},
		},
	}, nil
}
