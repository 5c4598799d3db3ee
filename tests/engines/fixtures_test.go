// Package engines lets the programs that read RecordingCallbacks read them, with their own code: kstatus, Flux, Argo CD's
// Lua and kube-state-metrics. Nothing here runs against a cluster.
package engines

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// repository is the project's root, seen from this directory.
const repository = "../.."

// A stage of an object's life, and what each engine has to make of it. An empty word: the engine is not asked.
type stage struct {
	Name       string
	Kstatus    string
	Flux       string
	Argo       string
	Generation int64
	Deleted    bool
	Status     map[string]any
}

// stages are those of testdata, after the one that every object begins with: the CRD's own default of the status.
func stages(t *testing.T) []stage {
	t.Helper()
	var written []stage
	parse(t, "testdata/stages.yaml", &written)
	fresh := stage{Name: "fresh", Kstatus: "InProgress", Flux: "InProgress", Argo: "Progressing", Status: defaultStatus(t)}
	return append([]stage{fresh}, written...)
}

// object is a RecordingCallback in this stage, with the number types that a client of the API server gets.
func (s stage) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	metadata := map[string]any{"name": "push", "namespace": "media", "generation": max(s.Generation, 1)}
	if s.Deleted {
		metadata["deletionTimestamp"] = "2026-11-25T02:00:00Z"
		metadata["finalizers"] = []any{"live.huaweicloud.com/recording-callback"}
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "live.huaweicloud.com/v1alpha1",
		"kind":       "RecordingCallback",
		"metadata":   metadata,
		"spec":       map[string]any{"publishDomain": "push.example.com", "app": "live"},
		"status":     s.Status,
	})
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	json, err := yaml.YAMLToJSON(text)
	if err == nil {
		err = object.UnmarshalJSON(json)
	}
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func defaultStatus(t *testing.T) map[string]any {
	t.Helper()
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Status struct{ Default map[string]any }
						}
					}
				}
			}
		}
	}
	parse(t, "crds/recordingcallbacks.live.huaweicloud.com.yaml", &crd)
	status := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Status.Default
	if len(status) == 0 {
		t.Fatal("the CRD has no default for the status")
	}
	return status
}

// parse reads a YAML file of this directory or, if there is none, of the repository.
func parse(t *testing.T, path string, into any, options ...yaml.JSONOpt) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(repository, path)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into, options...)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// judge compares what an engine says of every stage with what it has to say.
func judge(t *testing.T, expected func(stage) string, says func(*testing.T, *unstructured.Unstructured) string) {
	t.Helper()
	for _, stage := range stages(t) {
		t.Run(stage.Name, func(t *testing.T) {
			want := expected(stage)
			if want == "" {
				t.Skip("decided elsewhere")
			}
			if got := says(t, stage.object(t)); got != want {
				t.Errorf("%s, not %s", got, want)
			}
		})
	}
}
