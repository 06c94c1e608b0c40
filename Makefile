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

# A tool's binary is named by the checksum of its module, so that a changed pin builds anew.
tool = $(TOOLS)/$(1)-$(shell cat .ci/tools/$(1)/go.mod .ci/tools/$(1)/go.sum | sha256sum | cut -c1-12)
GOLANGCI_LINT := $(call tool,golangci-lint)
HELM_DOCS     := $(call tool,helm-docs)

##@ The two commands

.PHONY: demo
demo: ## Run the main job on a real one-node Kubernetes, narrated (KEEP=1 leaves it running)
	@echo "building the demo (a minute or two the first time)"
	@go run ./e2e/demo

.PHONY: test
test: programs ## Run all tests, end to end ones on a real one-node Kubernetes included
	.ci/packages openssl:openssl curl:curl nginx:nginx-light keytool:default-jre-headless
	go test -timeout 20m $(TESTFLAGS) $$(go list ./... | grep -v /e2e$$)
	@echo "end-to-end tests, on a real one-node Kubernetes"
	go test -timeout 40m -v $(TESTFLAGS) ./e2e

##@ Development

.PHONY: unit
unit: ## Run the tests that need no root and no node (under two minutes), and name those that it skips
	@.ci/unit

.PHONY: dev
dev: ## Bring the code to a node that keeps running: build images, replace the webhook and the demo's pod
	@go run ./e2e/demo dev

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run golangci-lint, with the import rules
	$(GOLANGCI_LINT) run ./...

.PHONY: generate
generate: $(HELM_DOCS) ## Write the generated files: deploy/ and the chart's README
	.ci/generate $(HELM_DOCS) "$(HELM)" .

.PHONY: verify
verify: $(HELM_DOCS) ## Fail where generated files, go.mod or formatting are not current
	.ci/verify $(HELM_DOCS) "$(HELM)"

.PHONY: bench
bench: programs ## Measure what DESIGN names as figures, and print them beside their targets
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
cluster-up: ## Start a one-node Kubernetes in a network namespace of its own
	$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## Take it down, with all that an earlier run left
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
