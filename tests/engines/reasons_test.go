package engines

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

const page = "docs/gitops.md"

// A verdict of each engine on one shape of conditions.
type verdict struct{ kstatus, flux, argo string }

// What each engine's own code says of an object with this reason in these conditions since then.
func verdictOn(t *testing.T, reason, shape string, since time.Time) verdict {
	t.Helper()
	words := strings.Fields(shape)
	conditions := []any{condition("Ready", words[0], reason, since)}
	for _, kind := range words[1:] {
		conditions = append(conditions, condition(kind, "True", reason, since))
	}
	object := stage{Status: map[string]any{"observedGeneration": 1, "conditions": conditions}}.object(t)
	result, err := upstream.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	health, _ := customizations(t)
	return verdict{result.Status.String(), fluxSays(t, object), run(t, health, object.Object)["status"].(string)}
}

func condition(kind, status, reason string, since time.Time) map[string]any {
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": "As it is.", "observedGeneration": 1,
		"lastTransitionTime": since.UTC().Format(time.RFC3339)}
}

func TestReasons(t *testing.T) {
	var shapes map[string][]string
	parse(t, "testdata/reasons.yaml", &shapes)
	if known := reasons(t); !slices.Equal(known, slices.Sorted(maps.Keys(shapes))) {
		t.Fatalf("the reasons are %v", known)
	}
	var table strings.Builder
	table.WriteString("| Reason | Ready | also | kstatus: Flux, Helm `--wait` | Flux, with our expressions | Argo CD, with our check |\n|---|---|---|---|---|---|\n")
	for _, reason := range reasons(t) {
		for _, shape := range shapes[reason] {
			says := verdictOn(t, reason, shape, time.Now())
			check(t, reason, shape, says)
			ready, also, _ := strings.Cut(shape, " ")
			fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s | %s |\n", reason, ready, also, says.kstatus, says.flux, says.argo)
		}
	}
	compare(t, table.String())
}

// No engine waits for ever for what a person wants to be so, and none takes for healthy what fails.
func check(t *testing.T, reason, shape string, says verdict) {
	t.Helper()
	switch {
	case reason == "Suspended" || reason == "ObserveOnly" || shape == "True":
		if says.flux != "Current" || says.argo != "Healthy" {
			t.Errorf("%s %s holds a sync up: %+v", reason, shape, says)
		}
	case strings.Contains(shape, "Stalled"):
		if says != (verdict{"Failed", "Failed", "Degraded"}) {
			t.Errorf("%s %s does not fail a sync: %+v", reason, shape, says)
		}
	default:
		if says != (verdict{"InProgress", "InProgress", "Progressing"}) {
			t.Errorf("%s %s: %+v", reason, shape, says)
		}
	}
}

// A Secret that doesn't come ends Argo CD's wave, which has no time limit of its own, as Flux' has.
func TestArgoCDDoesNotWaitForeverForASecret(t *testing.T) {
	for _, reason := range []string{"CredentialsMissing", "SignKeyMissing"} {
		for age, expected := range map[time.Duration]string{9 * time.Minute: "Progressing", 11 * time.Minute: "Degraded"} {
			if says := verdictOn(t, reason, "False Reconciling", time.Now().Add(-age)); says.argo != expected {
				t.Errorf("%s for %s is %s", reason, age, says.argo)
			}
		}
	}
}

// The reasons of conditions, in the order of the alphabet, from where they are defined; those of events only are not among them.
func reasons(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "src/plan/facts/reason.rs"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^            Self::[A-Za-z]* => "([A-Za-z]*)",$`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains([]string{"Adopted", "Drifted", "Retained"}, match[1]) {
			found = append(found, match[1])
		}
	}
	slices.Sort(found)
	return found
}

// compare holds the table of the page to this one; UPDATE_GENERATED=1 writes it there.
func compare(t *testing.T, table string) {
	t.Helper()
	path := filepath.Join(repository, page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- reasons: begin; written by `make generate` -->\n", "<!-- reasons: end -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	current := before + begin + table + end + after
	switch {
	case current == string(text):
	case os.Getenv("UPDATE_GENERATED") != "":
		if err := os.WriteFile(path, []byte(current), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of reasons in %s is not what the engines say: run make generate", page)
	}
}
