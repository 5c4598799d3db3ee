#!/usr/bin/env bash
# Prints the chart as one file for `kubectl apply -f`, with its namespace and with a name to replace where the image goes.
# What only Helm reads is left out, so that kubectl's objects do not look like Helm's.
#
#   render-install.sh CHART [HELM'S ARGUMENTS...]
set -euo pipefail

chart=$1
helm=$(dirname "$0")/../build/bin/helm
namespace=recording-callback-system
image=image.invalid/recording-callback-operator

cat <<EOF
# recording-callback-operator for kubectl. Rendered from the Helm chart by \`make generate\`: change it there.
#
# No public registry holds the image: \`make image REPOSITORY=registry.example.com/recording-callback-operator\` builds and pushes it. Its name:
#
#   sed 's|$image|registry.example.com/recording-callback-operator|' install.yaml | kubectl apply -f -
#
# or name it in a kustomization.yaml beside this file, and \`kubectl apply -k .\`:
#
#   resources: [install.yaml]
#   images: [{name: $image, newName: registry.example.com/recording-callback-operator}]
#
# Before you delete it: delete the RecordingCallbacks while the operator runs, else their finalizers wait for it.
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    app.kubernetes.io/name: recording-callback-operator
    pod-security.kubernetes.io/enforce: restricted
EOF
"$helm" template recording-callback-operator "$chart" --skip-tests --namespace $namespace --set image.repository=$image "${@:2}" |
    sed -e '/^# Source: /d' -e '/^ *app.kubernetes.io\/managed-by: Helm$/d' -e '/^ *helm.sh\//d'
