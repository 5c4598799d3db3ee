# The project's commands; `make help` lists them. Each only says what runs in which order: the work is in cargo and in the
# scripts. Needs Rust, Go, Python 3, a C compiler and make; the control plane, Helm and Prometheus are built here, once, into build/bin.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help record record-dashboard build image bundle release publish build/bin/kube build/bin/helm build/bin/helm3 build/bin/promtool build/bin/prometheus build/bin/node demo test shuffle test-1.37 runbook e2e test-all bench twins instructions mutants fuzz lint deny advisories generate check-generated clean

# Scripts that are started; those that they source are read with them.
scripts := $(shell grep -l '^\#!' $(wildcard .ci/run scripts/*.sh deploy/*/*.sh tests/*/*.sh tests/*/*/*.sh))

# Tests that take minutes, for `make test-all`; the soak is then longer than that of `make test`.
long_tests := crash::what_happens_between crash::late crash::leader::a_leader_that_is_stopped \
	crash::faults::a_watch_that_falls_silent restored:: watches::taken_over::nor watches::what_a_watch_loses scale:: tenants::a_record_that_somebody_made_up \
	neighbours_hostile::what_is_written released::
# A simulation is the work of this crate and the cloud's simulator: they are optimised, their dependencies stay as they are.
quickly := $(foreach package,recording-callback-operator live-simulator,--config 'profile.dev.package.$(package).opt-level=1' --config 'profile.dev.package.$(package).debug=false')
skip_long := $(foreach long,$(long_tests),--skip $(long))

help: ## List the targets
	@sed -n 's/^\([a-z0-9/.-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target does; do printf '  %-20s %s\n' "$$target" "$$does"; done

# What a target needs is looked for before anything is built.
need/%:
	@scripts/need.sh $*

build: need/rust need/cc ## Build the operator and the simulator of the cloud into target/debug
	cargo build --workspace --locked

image: need/rust need/go need/cc ## Build the container image into build/image, and push it where REPOSITORY says; PLATFORM, TAG
	@deploy/image/build.sh $(if $(REPOSITORY),--push --repository $(REPOSITORY)) $(if $(PLATFORM),--platform $(PLATFORM)) $(if $(TAG),--tag $(TAG))
	@$(if $(REPOSITORY),true,echo "It is in build/image. To push it, too: make image REPOSITORY=registry.example.com/recording-callback-operator")

bundle: need/go build/bin/helm ## Make the bundle for the Operator Lifecycle Manager in build/bundle, judged by operator-framework's validators; IMAGE
	@deploy/olm/bundle.sh build/bundle $(IMAGE)

release: need/rust need/go need/python need/cc build/bin/helm ## Make all that a release consists of in build/release, and check it; PLATFORM, REGISTRY, SOURCE_URL
	@scripts/release.sh $(PLATFORM)
	@$(if $(PLATFORM),echo "To check it on a machine of $(PLATFORM): tests/release/check.sh",tests/release/check.sh)

publish: need/go build/bin/helm ## Push the image and the chart of build/release to REGISTRY, as ghcr.io/owner; prints what there is to sign
	@scripts/publish.sh $(REGISTRY)

build/bin/kube: need/go ## Build the Kubernetes control plane of tests and demo (minutes the first time)
	@tests/cluster/build.sh

build/bin/helm: need/go ## Build Helm (minutes the first time)
	@tests/tools/build.sh

build/bin/helm3: need/go ## Build Helm 3, which many platforms still run
	@tests/tools/build.sh helm3

build/bin/promtool: need/go ## Build promtool, which tests the alerts
	@tests/tools/build.sh promtool

build/bin/prometheus: need/go ## Build Prometheus, which shows that they fire
	@tests/tools/build.sh prometheus

build/bin/node: need/go ## Build what a node is made of, and install containerd and the like from Debian (needs root)
	@tests/node/build.sh

demo: need/rust need/go need/python need/cc build build/bin/kube ## Show the operator at work: a control plane, a simulated cloud, a 400 that heals
	@scripts/demo.sh

record: need/rust need/go need/python need/cc build build/bin/kube ## Record the demo for the pictures of README.md; `make generate` draws them
	TERM=dumb scripts/demo.sh | sed -E 's|/tmp/tmp\.[A-Za-z0-9]+|/tmp/demo|g' >docs/pictures/demo.new
	mv docs/pictures/demo.new docs/pictures/demo.txt

record-dashboard: need/rust need/go need/python need/cc build build/bin/kube build/bin/promtool build/bin/prometheus ## Record what the dashboard shows of a run, for its picture (3 minutes)
	scripts/record-dashboard.sh

test: export TEST_EXTENT = full
test: need/rust need/go need/python need/cc build/bin/kube build/bin/helm build/bin/helm3 build/bin/promtool ## Run all tests but the long ones
	@echo "== control plane"
	cd tests/cluster && go test ./controlplane/...
	@echo "== image"
	cd deploy/image && go test ./...
	@echo "== bundle for the Operator Lifecycle Manager"
	cd deploy/olm && go test -count=1 ./...
	@echo "== version"
	tests/release/version.sh
	@echo "== publishing, to a registry on this machine"
	tests/release/publish.sh
	@echo "== chart and install.yaml"
	tests/deploy/check.sh
	@echo "== alerts, dashboard and runbook"
	tests/monitoring/check.sh
	@echo "== what kstatus, Flux, Argo CD and kube-state-metrics make of the objects"
	cd tests/engines && go test ./...
	@echo "== simulator, called by the cloud's own SDK"
	tests/simulator/sdk/run.sh
	@echo "== operator and simulator"
	@scripts/shells.sh
	cargo test --workspace --doc --locked
	tests/timed.py cargo test --workspace --all-targets --locked -- $(skip_long)

shuffle: need/rust need/go need/python need/cc build/bin/kube build/bin/helm ## Run the tests of `make test` that are in Rust in any order; SHUFFLE_SEED repeats one
	tests/timed.py --shuffle cargo test --workspace --all-targets --locked -- $(skip_long)

runbook: need/rust need/go need/python need/cc build build/bin/kube build/bin/promtool build/bin/prometheus ## Make each trouble that there is an alert for, and follow the runbook
	tests/monitoring/live.sh

e2e: need/rust need/go need/python need/cc build build/bin/kube build/bin/helm build/bin/node ## Run the chart on a real node, in namespaces of its own (needs root)
	@tests/e2e/images.sh
	tests/e2e/run.sh

test-1.37: export KUBE_BIN := $(CURDIR)/build/bin/kube-1.37
test-1.37: need/rust need/go need/cc build/bin/helm build/bin/helm3 ## Run the tests that need a control plane with the newest Kubernetes
	KUBERNETES=1.37 tests/cluster/build.sh
	cd tests/cluster && go test ./controlplane/...
	tests/deploy/check.sh
	cargo test --locked --test operator -- $(skip_long)

test-all: export TEST_EXTENT = full
test-all: test shuffle test-1.37 runbook e2e ## Run all tests and the long ones: every hard case at every kill point, the model with MODEL_DEPTH disturbances, 10,000 courses of lies
	MODEL_DEPTH=$${MODEL_DEPTH:-2} cargo test --locked --lib -- plan::tests::model --nocapture
	@echo "== whatever answers, whatever is missed: ADVERSARY_SEEDS courses, ADVERSARY_SEED repeats one"
	ADVERSARY_SEEDS=$${ADVERSARY_SEEDS:-10000} TRANSITION_PAIRS=$${TRANSITION_PAIRS:-5000} HALF_DONE_SHARE=1 RELISTS_SHARE=1 CROWD=2000 cargo test --locked --lib -- controller::tests --nocapture
	@echo "== many projects in virtual time; SIMULATED is the number of objects"
	SIMULATED=$${SIMULATED:-10000} cargo test --locked --lib $(quickly) -- controller::tests::simulation --nocapture
	for long in $(long_tests); do cargo test --locked --test operator -- "$$long"; done # alone: each has many worlds of its own
	@echo "== soak; SOAK_SEED repeats a course"
	SOAK_MINUTES=$${SOAK_MINUTES:-10} SOAK_OBJECTS=$${SOAK_OBJECTS:-200} cargo test --locked --test operator -- --nocapture crash::soak
	@echo "== instructions of a decision and of a signature"
	$(MAKE) instructions
	@echo "== twins: without a mechanism the tests must fail"
	tests/twins/run.py

bench: need/rust need/go need/python need/cc build/bin/kube ## Measure calls, times, memory and growth, and write docs/performance.md; FIGURES for some of them, BENCH_SIZES
	@tests/bench/run.sh $(FIGURES)

twins: need/rust need/go need/python need/cc build/bin/kube build/bin/helm ## Switch off one mechanism at a time, in a copy: the tests must fail
	tests/twins/run.py

instructions: need/rust need/python need/cc need/valgrind ## Count the instructions of a decision and of a signature: over 3 % more than recorded fails
	tests/instructions/run.py

mutants: need/rust need/cc need/python ## Change one place of the decisions at a time, in a copy: a unit test must fail (an hour); PARTS=platform does so with the platform
	@scripts/cargo-tool.sh cargo-mutants
	tests/mutants/run.py $(or $(PARTS),plan)

fuzz: need/rust need/cc ## Try bad input, anew each time, for FUZZ_MINUTES (10): answers, Secrets, objects
	cargo test --lib --locked --no-run
	end=$$((SECONDS + 60 * $${FUZZ_MINUTES:-10})); while ((SECONDS < end)); do PROPTEST_CASES=$${PROPTEST_CASES:-20000} cargo test --lib --locked -- fuzz::; done

lint: need/rust need/go need/python ## Check formatting, and lint; every warning is an error; links in the docs, places of the twins, workflows
	tests/workflows/check.sh
	tests/docs/check.py
	tests/twins/run.py --check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --lib --no-deps --locked
	@unformatted=$$(gofmt -l deploy tests); [[ -z $$unformatted ]] || { echo "error: not formatted by gofmt: $$unformatted" >&2; exit 1; }
	cd tests/cluster && go vet ./controlplane/...
	cd deploy/image && go vet ./...
	cd deploy/olm && go vet ./...
	@if command -v shellcheck >/dev/null; then shellcheck --external-sources --check-sourced --source-path=SCRIPTDIR $(scripts); else echo "shellcheck is not installed: scripts are not linted"; fi

deny: need/rust ## Check where all crates come from, their licences, and that none is banned
	@scripts/cargo-tool.sh cargo-deny
	build/bin/cargo-deny --locked check -D warnings licenses bans sources

advisories: need/rust ## Look for crates with known vulnerabilities, in RustSec's data base (needs the Internet)
	@scripts/cargo-tool.sh cargo-deny
	build/bin/cargo-deny --locked check advisories

generate: need/rust need/go need/python need/cc build/bin/helm ## Write the generated files: CRD, the chart's copy and table of values, install.yaml, pictures
	@scripts/generate.sh

check-generated: generate ## Fail if a generated file is not what `make generate` writes
	@changed=$$(git status --porcelain -- $$(scripts/generate.sh --list)); [[ -z $$changed ]] || { \
		git diff -- $$(scripts/generate.sh --list); \
		echo "error: generated files differ from what is committed; commit what 'make generate' has written:" >&2; \
		echo "$$changed" >&2; exit 1; }

clean: ## Remove all that was built
	rm -rf build target
