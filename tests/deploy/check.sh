#!/usr/bin/env bash
# Checks what users install, on a real API server: that every rendering of the chart and install.yaml are accepted whole
# and without a warning, that wrong values are refused with a sentence that helps, that the rights are exactly those that
# the README names, and that a release can be installed, upgraded, and uninstalled without losing the CRD.
#
# Needs cargo, build/bin/kube, build/bin/helm and build/bin/helm3. Its control plane is its own and ends with it. HELM names another Helm.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh

operator=recording-callback-operator
chart=deploy/helm/$operator
image=(--set image.repository=registry.example.com/$operator)

start_control_plane
source tests/deploy/rendering.sh
source tests/deploy/limits.sh
source tests/deploy/settings.sh
source tests/deploy/helm3.sh
source tests/deploy/acceptance.sh
source tests/deploy/rights.sh
source tests/deploy/lifecycle.sh
source tests/deploy/umbrella.sh
source tests/deploy/names.sh
source tests/deploy/nulls.sh
source tests/deploy/released.sh
source tests/deploy/values.sh
source tests/deploy/appliers.sh
source tests/deploy/changes.sh
source tests/deploy/kustomize.sh
source tests/deploy/policies.sh
source tests/deploy/schema.sh
summary
