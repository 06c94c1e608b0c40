# `make` lists the targets. What a target needs beyond Go is built from pinned modules or installed
# with apt.

SHELL := /bin/bash

# The same flags as in the Dockerfiles, so that both use the same build cache.
export CGO_ENABLED := 0
export GOFLAGS     := $(GOFLAGS) -trimpath
.DEFAULT_GOAL := help

CACHE   ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/azure-cert-sync
TOOLS   := $(CACHE)/tools
CLUSTER := go run ./e2e/cluster/cmd/cluster
HELM     = $$($(CLUSTER) path helm)

# The name of a tool's binary contains the checksum of its module, so a changed pin rebuilds it.
tool = $(TOOLS)/$(1)-$(shell cat .ci/tools/$(1)/go.mod .ci/tools/$(1)/go.sum | sha256sum | cut -c1-12)
GOLANGCI_LINT := $(call tool,golangci-lint)
HELM_DOCS     := $(call tool,helm-docs)

##@ The two commands

.PHONY: demo
demo: ## Run the main job on a real one-node Kubernetes, narrated (KEEP=1 leaves it running)
	@echo "building the demo (a minute or two the first time)"
	@go run ./e2e/demo

.PHONY: test
test: programs ## Run all tests, including the end-to-end tests on a real one-node Kubernetes
	.ci/packages openssl:openssl curl:curl nginx:nginx-light keytool:default-jre-headless
	go test -timeout 20m $(TESTFLAGS) $$(go list ./... | grep -v /e2e$$)
	@echo "end-to-end tests on a real one-node Kubernetes"
	go test -timeout 40m -v $(TESTFLAGS) ./e2e

##@ Development

.PHONY: unit
unit: ## Run the tests that need neither root nor a node, and list the skipped tests (under two minutes)
	@.ci/unit

.PHONY: dev
dev: ## Build the images, load them into the running node, restart the webhook and the demo's pod
	@go run ./e2e/demo dev

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint, with the import rules
	$(GOLANGCI_LINT) run ./...

.PHONY: generate
generate: $(HELM_DOCS) ## Write the generated files: deploy/, the chart's README and the settings' JSON schema
	.ci/generate $(HELM_DOCS) "$(HELM)" .

.PHONY: verify
verify: $(HELM_DOCS) ## Fail if generated files, go.mod, formatting or the width of comments are wrong
	.ci/verify $(HELM_DOCS) "$(HELM)"

.PHONY: bench
bench: programs ## Measure the figures of docs/design.md, and print them with their targets
	@go run ./e2e/bench

.PHONY: abuse
abuse: programs ## Attack the programs as tenants and neighbours can, under the chart's memory limits (ATTACKS="NAME ..." for some)
	@go run ./e2e/abuse $(ATTACKS)

FUZZTIME ?= 1m
.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m)
	.ci/fuzz $(FUZZTIME)

##@ The test cluster

.PHONY: programs
programs: ## Build the pinned Kubernetes programs into the cache (about 15 minutes the first time)
	$(CLUSTER) build

.PHONY: cluster-up
cluster-up: ## Start a one-node Kubernetes in separate namespaces
	$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## Remove it, and everything that earlier runs left
	$(CLUSTER) down

##@ Other

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(TOOLS)/golangci-lint-%:
	@echo "building golangci-lint (about 3 minutes the first time)"
	cd .ci/tools/golangci-lint && GOWORK=off CGO_ENABLED=0 go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(TOOLS)/helm-docs-%:
	@echo "building helm-docs (about 1 minute the first time)"
	cd .ci/tools/helm-docs && GOWORK=off CGO_ENABLED=0 go build -o $@ github.com/norwoodj/helm-docs/cmd/helm-docs
