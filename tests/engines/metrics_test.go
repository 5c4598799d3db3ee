package engines

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/kube-state-metrics/v2/pkg/customresourcestate"
	"sigs.k8s.io/yaml"
)

// What kube-state-metrics exposes of every stage, as sample lines.
func samples(t *testing.T, stage stage) []string {
	t.Helper()
	var config struct {
		Kind string
		customresourcestate.Metrics
	}
	parse(t, "deploy/monitoring/kube-state-metrics.yaml", &config, yaml.DisallowUnknownFields)
	if len(config.Spec.Resources) != 1 {
		t.Fatal("not one kind")
	}
	factory, err := customresourcestate.NewCustomResourceMetrics(config.Spec.Resources[0])
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range factory.MetricFamilyGenerators() {
		text := string(family.Generate(stage.object(t)).ByteSlice())
		lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
	}
	// A family without a sample is an empty line.
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

func TestKubeStateMetrics(t *testing.T) {
	all := stages(t)
	object := `customresource_group="live.huaweicloud.com",customresource_kind="RecordingCallback",customresource_version="v1alpha1"`
	for name, expected := range map[string][]string{
		"fresh": {
			`recording_callback_object_info{app="live",` + object + `,domain="push.example.com",name="push",namespace="media"} 1`,
			`recording_callback_object_generation{` + object + `,name="push",namespace="media"} 1`,
			`recording_callback_object_observed_generation{` + object + `,name="push",namespace="media"} -1`,
			`recording_callback_object_failures{` + object + `,name="push",namespace="media"} 0`,
		},
		"refused for long": {
			`recording_callback_object_info{app="live",` + object + `,domain="push.example.com",name="push",namespace="media"} 1`,
			`recording_callback_object_condition{` + object + `,name="push",namespace="media",reason="RequestRejected",type="Ready"} 0`,
			`recording_callback_object_condition{` + object + `,name="push",namespace="media",reason="RequestRejected",type="Stalled"} 1`,
			`recording_callback_object_condition_since_timestamp_seconds{` + object + `,name="push",namespace="media",type="Ready"} 1.795572e+09`,
			`recording_callback_object_condition_since_timestamp_seconds{` + object + `,name="push",namespace="media",type="Stalled"} 1.7955726e+09`,
			`recording_callback_object_generation{` + object + `,name="push",namespace="media"} 1`,
			`recording_callback_object_observed_generation{` + object + `,name="push",namespace="media"} 1`,
			`recording_callback_object_failures{` + object + `,name="push",namespace="media"} 9`,
			`recording_callback_object_next_attempt_timestamp_seconds{` + object + `,name="push",namespace="media"} 1.7955732e+09`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := slices.IndexFunc(all, func(s stage) bool { return s.Name == name })
			got := samples(t, all[at])
			slices.Sort(got)
			slices.Sort(expected)
			if !slices.Equal(got, expected) {
				t.Errorf("got\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
			}
		})
	}
}
