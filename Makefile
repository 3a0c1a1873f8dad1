# The few commands that a person types. Each sets up what it needs inside the checkout, once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

## STACK=prod-aws           the stack that synth, preflight or accept is about
STACK ?=
## CLOUD=aws                the part of the guide that coverage shows (kubernetes)
CLOUD ?= kubernetes
## FORGET=prod-aws:ADDRESS  what addresses lets go for good; several in quotes
FORGET ?=
## WORKERS=8                processes in which tests run side by side (2)
WORKERS ?= 2
## PYTHON=python3.12        the Python that makes .venv (python3)
PYTHON ?= python3

PIPENV := .tools/pipenv/bin/pipenv
VENV := .venv/bin
# A file's tests stay together: what they share is made once.
SIDE_BY_SIDE := $(VENV)/python -m pytest -n $(WORKERS) --dist loadfile
BY_THE_CLOCK := $(VENV)/python -m pytest -m "realtime and not nightly" --dist loadgroup
# What tests/cluster/never_twice.py writes.
FALSE_VERDICTS := .pytest_cache/false-verdicts
# Named in this command: one that is exported for other work must not be tested on.
NAMED_CLUSTER := $(if $(filter command,$(firstword $(origin KUBECONFIG))),PORTAL_TEST_KUBECONFIG=$(KUBECONFIG))
PORTAL := PYTHONPATH=constructs $(VENV)/python -m portal
PIPENV_VERSION := 2026.10.3

# $(call named,NAME,example): asks at once for what a target cannot do without.
named = test -n "$(strip $($(1)))" || { echo "Name one: make $@ $(1)=$(2)" >&2; exit 2; }

# Environments live in the checkout, whatever virtual environment the shell is in.
export PIPENV_VENV_IN_PROJECT := 1
export PIPENV_IGNORE_VIRTUALENVS := 1
export PIPENV_VERBOSITY := -1
# Terraform's and cdktf's calls home would cost time and, behind a firewall, minutes.
export CHECKPOINT_DISABLE := 1
# jsii greets every start on Node 20 with a banner about its end of life.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
# Of the 16,700 modules that are installed some hundreds are used: Python compiles those, at their first use, instead of
# pip all, which is most of its time. For this option of pip's, 0 means: do not compile.
export PIP_NO_COMPILE := 0
unexport PYTHONDONTWRITEBYTECODE

PYTHON_READY := .venv/.ready
NODE_READY := node_modules/.ready
PLOTS_READY := loadtest/report/node_modules/.ready
TARGET := loadtest/target/backend
TARGET_READY := $(TARGET)/node_modules/.ready

.PHONY: help
help: ## Show this list
	@echo "make TARGET [NAME=value]"; echo
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 26
	@echo; sed -n 's/^## /  /p' Makefile

.PHONY: synth
synth: setup ## Synthesize every stack and show a table (STACK=name: that stack by construct)
	@$(PORTAL) synth $(STACK)

.PHONY: test
test: setup ## Run the tests, without those marked slow
	@bin/prerequisites terraform
	@$(SIDE_BY_SIDE) -m "not slow"

.PHONY: test-all
test-all: setup $(TARGET_READY) ## Run all tests
	@bin/prerequisites terraform
	@$(SIDE_BY_SIDE) -m "not realtime and not nightly" --durations 20
	@$(MAKE) test-realtime

.PHONY: test-realtime
test-realtime: setup ## Run the tests that judge real processes by the clock; what fails is tried once more, but no false verdict
	@# A machine that is busy for a moment may fail one of these, and not the same one twice.
	@# In lines a test is known by its line too: the second try, one after another, has to run in one.
	@rm -f $(FALSE_VERDICTS)
	@$(BY_THE_CLOCK) -n 3 --durations 20 || { ! cat $(FALSE_VERDICTS) 2> /dev/null && $(BY_THE_CLOCK) -n 1 --last-failed; }

.PHONY: test-nightly
test-nightly: setup ## Faults that chance draws, and the guide's autoscaler at its own pace, on a real controller: 80 minutes
	@$(VENV)/python -m pytest -s -m nightly

.PHONY: lint
lint: setup ## ruff and mypy
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

.PHONY: addresses
addresses: setup ## Bring the address ledger up to date (FORGET=stack:address: let go of one that holds data)
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) addresses $(addprefix --forget ,$(FORGET))

.PHONY: preflight
preflight: setup ## Print what a stack's deploy needs and what stands in its way (STACK=name)
	@$(call named,STACK,prod-aws)
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) preflight $(STACK)

.PHONY: coverage
coverage: setup ## Show where each row of the deployment guide is (CLOUD=kubernetes: the part of the guide)
	@$(call named,CLOUD,aws)
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) coverage $(CLOUD)

.PHONY: diagrams
diagrams: setup ## Draw what prod-aws is made of, from its synthesized JSON, into docs/diagrams/
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) diagrams

.PHONY: accept
accept: setup ## Put every stack through the real providers, offline and without an account (STACK=name: one)
	@bin/prerequisites terraform
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) accept $(STACK)

.PHONY: bundle
bundle: setup ## List every chart, image and provider with version and digest
	@$(PORTAL) synth > /dev/null
	@$(PORTAL) bundle

.PHONY: schema
schema: setup ## Write the JSON Schemas of environment files, objectives and reports
	@$(PORTAL) schema
	@$(VENV)/python -m loadtest.slo
	@$(VENV)/python -m loadtest.report

.PHONY: bench
bench: setup ## Measure synthesis, fast and eager bindings side by side (minutes)
	@$(PORTAL) bench

.PHONY: bench-loadtest
bench-loadtest: setup ## Measure what the load test costs, beside its limits and other generators (minutes)
	@$(VENV)/python -m loadtest.bench

.PHONY: tools
tools: ## Build helm, kubeconform, promtool and actionlint into .tools/bin (some minutes, once)
	@bin/prerequisites go
	@cd tools && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../.tools/bin/ \
		helm.sh/helm/v4/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform
	@# Without its service discoveries, which are the clouds' SDKs and most of the build, promtool checks rules all the same.
	@cd tools && CGO_ENABLED=0 go build -trimpath -tags remove_all_sd -ldflags "-s -w" -o ../.tools/bin/ \
		github.com/prometheus/prometheus/cmd/promtool
	@cd tools/actionlint && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../../.tools/bin/ \
		github.com/rhysd/actionlint/cmd/actionlint

CONTROLPLANE := .tools/controlplane
KUBERNETES := $(shell sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\).*|\1|p' tools/controlplane/go.mod)
# Without it the servers call themselves v0.0.0-master, which no client understands.
KUBERNETES_VERSION := $(foreach field,gitVersion=$(KUBERNETES) gitMajor=$(word 1,$(subst ., ,$(KUBERNETES:v%=%))) gitMinor=$(word 2,$(subst ., ,$(KUBERNETES))),-X k8s.io/component-base/version.$(field))

.PHONY: cluster-tools
cluster-tools: ## Build the programs of a Kubernetes control plane into .tools/controlplane (about 10 minutes, once)
	@bin/prerequisites go
	@mkdir -p $(CONTROLPLANE)
	@cd tools/controlplane && export CGO_ENABLED=0 && \
		go build -trimpath -ldflags "-s -w" -o ../../$(CONTROLPLANE)/etcd go.etcd.io/etcd/server/v3 && \
		go build -trimpath -ldflags "-s -w" -o ../../$(CONTROLPLANE)/ sigs.k8s.io/kwok/cmd/kwok && \
		go build -trimpath -ldflags "-s -w $(KUBERNETES_VERSION)" -o ../../$(CONTROLPLANE)/ \
			k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler
	@# So that nobody takes programs for those of another version.
	@cp tools/controlplane/go.sum $(CONTROLPLANE)/built-from.sum

.PHONY: cluster
cluster: setup ## Run a Kubernetes control plane on loopback until Ctrl-C, and say where its kubeconfig is
	@exec $(VENV)/python -m tools.cluster

.PHONY: test-cluster
test-cluster: setup ## Try everything on a real control plane (KUBECONFIG=FILE: what can, on a cluster of yours)
	@$(NAMED_CLUSTER) $(VENV)/python -m pytest tests/cluster -m "not nightly"

.PHONY: test-loadtest
test-loadtest: setup $(TARGET_READY) ## Run all tests of the load test: 8 minutes at most
	@$(SIDE_BY_SIDE) tests/loadtest -m "not realtime and not nightly"
	@$(BY_THE_CLOCK) -n 2 tests/loadtest

.PHONY: target
target: setup $(TARGET_READY) ## Run a real Backstage on loopback until Ctrl-C, for load tests without a cluster
	@exec $(VENV)/python -m loadtest.target

.PHONY: loadtest
loadtest: setup $(TARGET_READY) ## Load a real Backstage on loopback for a minute: verdict, report and exit code
	@exec $(VENV)/python -m loadtest.target -- $(VENV)/locust -f loadtest/locustfile.py --headless --only-summary --profile smoke

.PHONY: setup
setup: $(PYTHON_READY) $(NODE_READY) $(PLOTS_READY) ## Install Python and Node packages into the checkout (done by every target)

$(PIPENV):
	@PYTHON=$(PYTHON) bin/prerequisites
	@echo "Installing pipenv $(PIPENV_VERSION) into .tools/ ..."
	@$(PYTHON) -m venv .tools/pipenv
	@.tools/pipenv/bin/pip install --quiet --disable-pip-version-check pipenv==$(PIPENV_VERSION)

$(PYTHON_READY): Pipfile.lock | $(PIPENV)
	@echo "Installing Python packages into .venv/ (a minute) ..."
	@$(PIPENV) --python $$($(PYTHON) -c 'import sys; print(sys.executable)') sync --dev > .tools/pipenv.log 2>&1 || { tail -n 20 .tools/pipenv.log >&2; exit 2; }
	@touch $@

$(NODE_READY): package-lock.json
	@bin/prerequisites
	@echo "Installing cdktf-cli into node_modules/ ..."; mkdir -p .tools
	@npm ci --no-progress > .tools/npm.log 2>&1 || { tail -n 20 .tools/npm.log >&2; exit 2; }
	@touch $@

$(PLOTS_READY): loadtest/report/package-lock.json
	@bin/prerequisites
	@npm --prefix loadtest/report ci --no-progress > .tools/npm-report.log 2>&1 || { tail -n 20 .tools/npm-report.log >&2; exit 2; }
	@touch $@

$(TARGET_READY): $(TARGET)/package-lock.json
	@bin/prerequisites
	@echo "Installing Backstage into $(TARGET)/node_modules/ (some minutes, once) ..."; mkdir -p .tools
	@npm --prefix $(TARGET) ci --no-progress > .tools/npm-target.log 2>&1 || { tail -n 20 .tools/npm-target.log >&2; exit 2; }
	@touch $@

.PHONY: lock
lock: $(PIPENV) ## Resolve Pipfile anew into Pipfile.lock, and into what the load test's image installs
	@$(PIPENV) lock
	@$(PYTHON) bin/unbind-lock
	@$(MAKE) loadtest-requirements

.PHONY: loadtest-requirements
loadtest-requirements: setup ## Write loadtest/requirements.txt, what its image installs, from Pipfile.lock
	@$(VENV)/python bin/loadtest-requirements

.PHONY: clean
clean: ## Remove everything that make created, reports included
	rm -rf .venv .tools node_modules loadtest/report/node_modules $(TARGET)/node_modules
	rm -rf cdktf.out reports loadtest-reports .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
