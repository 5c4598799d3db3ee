package engines

import (
	"testing"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func kstatus(s stage) string { return s.Kstatus }

func TestKstatus(t *testing.T) {
	judge(t, kstatus, func(t *testing.T, object *unstructured.Unstructured) string {
		result, err := upstream.Compute(object)
		if err != nil {
			t.Fatal(err)
		}
		return result.Status.String()
	})
}

// Flux and Helm 4 have a kstatus of their own.
func TestKstatusOfFlux(t *testing.T) {
	judge(t, kstatus, func(t *testing.T, object *unstructured.Unstructured) string {
		result, err := flux.Compute(object)
		if err != nil {
			t.Fatal(err)
		}
		return result.Status.String()
	})
}
