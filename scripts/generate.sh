#!/usr/bin/env bash
# Writes all generated files from what they are made of, in the order in which they depend on each other:
#
#   crds/                                   from the types in src/api, by `recording-callback-operator crd`
#   chart: Chart.yaml's versions            from Cargo.toml
#   chart: files/, copies of values.yaml, the CRD and of the alerts and dashboard in deploy/monitoring: Helm cannot read outside of the chart
#   chart: README.md's table of values      from values.yaml
#   deploy/install.yaml                     from the chart, by `helm template`
#   deploy/kustomize/base/operator.yaml     from install.yaml: all but the binding that an overlay chooses
#   docs/gitops.md's table of reasons       from what the engines' own code says, by the test that compares it
#   deploy/schema/                          from the CRD, by the test that compares it
#   docs/pictures/*.svg                     from the examples of docs/commands.md, the recorded demo, and the dashboard with its recorded answers, by scripts/pictures.py
#   docs/api.md, errors.md, metrics.md      from the CRD, the table of error codes and the metrics, by the tests that compare them
#
# Needs build/bin/helm. `generate.sh --list` prints the generated files and writes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

crd=crds/recordingcallbacks.live.huaweicloud.com.yaml
chart=deploy/helm/recording-callback-operator
install=deploy/install.yaml
kustomize=deploy/kustomize/base/operator.yaml

if [[ ${1:-} == --list ]]; then
    printf '%s\n' crds deploy/schema $chart/Chart.yaml $chart/files $chart/README.md $install $kustomize docs/pictures docs/{api,errors,gitops,metrics}.md
    exit
fi

# A failed command leaves the old file as it was.
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

mkdir -p crds $chart/files
cargo run --quiet --locked -- crd >"$new/crd"
cp "$new/crd" $crd
cp "$new/crd" $chart/files/${crd##*/}
cp deploy/monitoring/{alerts.yaml,dashboard.json} $chart/values.yaml $chart/files

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
sed "s/^\(version\|appVersion\): .*/\1: $version/" $chart/Chart.yaml >"$new/chart"
cp "$new/chart" $chart/Chart.yaml

awk -f scripts/values-table.awk $chart/values.yaml >"$new/table"
{
    sed '/<!-- values: begin/q' $chart/README.md
    cat "$new/table"
    sed -n '/<!-- values: end/,$p' $chart/README.md
} >"$new/readme"
cp "$new/readme" $chart/README.md

scripts/render-install.sh $chart >"$new/install"
cp "$new/install" $install

# The documents of install.yaml, without the head's comment and without the one binding that gives rights in all namespaces.
awk 'function put() { if (document !~ /kind: ClusterRoleBinding\nmetadata:\n  name: [^\n]*operator\n/) printf "%s", document; document = "" }
    BEGIN { print "# Made from install.yaml by `make generate`." }
    /^#/ && NR <= 12 { next }
    /^---/ { put() }
    { document = document $0 "\n" }
    END { put() }' $install >"$new/kustomize"
cp "$new/kustomize" $kustomize

(cd tests/engines && UPDATE_GENERATED=1 go test -count=1 -run TestReasons . >/dev/null)
UPDATE_GENERATED=1 cargo test --quiet --locked --lib is_current
scripts/pictures.py
