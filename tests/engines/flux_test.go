package engines

import (
	"testing"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fluxSays is what Flux makes of an object with the expressions that the example of a Kustomization has.
func fluxSays(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
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
	result, err := evaluator.Evaluate(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	return result.Status.String()
}

func TestFluxHealthCheckExpressions(t *testing.T) {
	judge(t, func(s stage) string { return s.Flux }, fluxSays)
}
