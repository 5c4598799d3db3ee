#!/usr/bin/env bash
# Measures the figures of docs/performance.md, each in a process of its own with a control plane of its own, on the program as it is
# released. Usage: tests/bench/run.sh [FIGURE...]; with figures, as bench::time::edit, only these, and the page stays as it is.
#
# BENCH_SIZES says with how many objects ("100 1000 10000 50000"; what does not grow has fewer). Needs build/bin/kube. On a machine that
# does nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
all=(
    decisions
    bench::time::creates_under_the_quota
    bench::time::objects_that_are_there_before_the_start
    bench::time::objects_that_are_applied
    bench::time::edit
    bench::time::take_overs
    bench::growth::memory_of_an_idle_operator
    bench::growth::memory_while_creates_wait
    bench::growth::growth
    bench::growth::sweeps_of_one_project
    bench::growth::lists_anew
    bench::churn::churn
    bench::shards::shards
)
work=build/bench
mkdir -p $work
export BENCH_FIGURES=$PWD/$work/figures.jsonl
: >"$BENCH_FIGURES"

cargo build --release --locked --bin recording-callback-operator
export OPERATOR_PROGRAM=$PWD/target/release/recording-callback-operator
# The allocator is set as in the Deployment.
_RJEM_MALLOC_CONF=$(sed -n 's/^_RJEM_MALLOC_CONF: //p' deploy/helm/recording-callback-operator/templates/_environment.tpl)
export _RJEM_MALLOC_CONF
# What stands around it is fast enough when it is optimised a little, and is built much sooner.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
parts=(cargo test --release --locked --target-dir target/bench --test operator)
"${parts[@]}" --no-run

# decision WHAT NAME MOST: how many microseconds one takes.
decision() {
    target/bench/release/examples/decisions "$1" 200000 | awk -v name="$2" -v most="$3" \
        '{ printf "{\"name\": \"%s\", \"objects\": 0, \"value\": %s, \"unit\": \"us\", \"most\": %s}\n", name, $1 / 1000, most }' >>"$BENCH_FIGURES"
}
decisions() {
    cargo build --release --locked --target-dir target/bench --example decisions
    decision settled "plan(), of a settled object that was looked at" 2
    decision create "plan(), of an object to create" 2
    decision sign "sign(), of a request" 10
}

failed=0
for figure in "${@:-${all[@]}}"; do
    echo "== $figure"
    if [[ $figure == decisions ]]; then
        decisions
        continue
    fi
    "${parts[@]}" --quiet -- --ignored --exact --nocapture "$figure" >$work/log 2>&1 || { failed=1 && cat $work/log; }
    grep '^counted: ' $work/log || true
done
size=$(stat --format=%s "$OPERATOR_PROGRAM")
printf '{"name": "size of the program", "objects": 0, "value": %s, "unit": "MB", "most": 14}\n' \
    "$(awk "BEGIN { print $size / 1000000 }")" >>"$BENCH_FIGURES"
page=()
((failed || $#)) || page=(docs)
tests/bench/report.py "$BENCH_FIGURES" "${page[@]}"
exit $failed
