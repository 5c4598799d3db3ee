#!/usr/bin/env bash
# The chart on a real node: the operator in its pods, calling a simulated cloud over TLS whose authority only the chart's
# caBundle makes known. It is installed in the previous release, upgraded to this one from a registry, rolled, rolled back, killed, drained,
# cut off by its NetworkPolicy, and uninstalled, in the documented order, in wrong ones, and beside another release. The cloud's log is the judge.
#
# Needs root, and what `make e2e` builds. The node, the cloud and all else go with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/deploy/lib.sh
source tests/simulator/control.sh
source tests/simulator/objects.sh
source tests/e2e/lib.sh

start_cluster tests/node/run.sh "$work/node"
trap finish EXIT
trap 'exit 130' INT TERM
load_previous_image
start_cloud_for_pods

source tests/e2e/registry.sh
source tests/e2e/upgrade.sh
source tests/e2e/doctor.sh
source tests/e2e/network.sh
source tests/e2e/receiver.sh
source tests/e2e/disturbances.sh
source tests/e2e/runbook.sh
source tests/e2e/uninstall.sh
source tests/e2e/wrong_order.sh
source tests/e2e/two_releases.sh
summary
