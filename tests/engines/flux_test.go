package engines

import (
	"testing"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestFluxHealthCheckExpressions(t *testing.T) {
	var kustomization struct {
		Spec struct{ HealthCheckExprs []kustomize.CustomHealthCheck }
	}
	parse(t, "deploy/flux/kustomization.yaml", &kustomization)
	checks := kustomization.Spec.HealthCheckExprs
	if len(checks) != 1 || checks[0].Kind != "RecordingCallback" {
		t.Fatalf("not the one check of RecordingCallbacks: %+v", checks)
	}
	evaluator, err := cel.NewStatusEvaluator(&checks[0].HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	judge(t, func(s stage) string { return s.Flux }, func(t *testing.T, object *unstructured.Unstructured) string {
		result, err := evaluator.Evaluate(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		return result.Status.String()
	})
}
