package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run reads what the chart renders, writes the bundle and lets operator-framework judge it.
func run(args []string, chart io.Reader) error {
	of := about{name: "recording-callback-operator"}
	flags := flag.NewFlagSet("olm", flag.ContinueOnError)
	flags.StringVar(&of.version, "version", "", "version of the operator")
	flags.StringVar(&of.source, "source", "", "URL of its source")
	description := flags.String("description", "", "file with the description, in Markdown")
	icon := flags.String("icon", "", "file with the icon, an SVG")
	example := flags.String("example", "", "file with an example of an object")
	output := flags.String("output", "", "directory to write to; what is there is replaced")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var text []byte
	var err error
	if of.icon, err = os.ReadFile(*icon); err != nil {
		return err
	}
	if text, err = os.ReadFile(*description); err != nil {
		return err
	}
	of.description = string(text)
	if text, err = os.ReadFile(*example); err != nil {
		return err
	}
	object, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	of.examples = []json.RawMessage{object}
	if text, err = io.ReadAll(chart); err != nil {
		return err
	}
	found, err := read(text)
	if err != nil {
		return err
	}
	if err := found.write(*output, of); err != nil {
		return err
	}
	return judge(*output)
}

// The labels of the bundle's image, which is these files and nothing else.
const annotations = `annotations:
  operators.operatorframework.io.bundle.mediatype.v1: registry+v1
  operators.operatorframework.io.bundle.manifests.v1: manifests/
  operators.operatorframework.io.bundle.metadata.v1: metadata/
  operators.operatorframework.io.bundle.package.v1: recording-callback-operator
  operators.operatorframework.io.bundle.channels.v1: candidate
  operators.operatorframework.io.bundle.channel.default.v1: candidate
  com.redhat.openshift.versions: v4.17
`

func (r *rendered) write(directory string, of about) error {
	csv, err := r.csv(of)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(csv)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	for file, content := range map[string][]byte{
		"manifests/" + of.name + ".clusterserviceversion.yaml":   text,
		"manifests/recordingcallbacks.live.huaweicloud.com.yaml": r.crd,
		"metadata/annotations.yaml":                              []byte(annotations),
	} {
		path := filepath.Join(directory, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
