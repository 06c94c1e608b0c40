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
NFPM          := $(call tool,nfpm)
ACTIONLINT    := $(call tool,actionlint)
GOVULNCHECK   := $(call tool,govulncheck)
GORELEASER    := $(call tool,goreleaser)
CYCLONEDX     := $(call tool,cyclonedx-gomod)

##@ The two commands

.PHONY: demo
demo: ## Run the main job on a real one-node Kubernetes, narrated (KEEP=1 leaves it running)
	@echo "building the demo (a minute or two the first time)"
	@go run ./e2e/demo

.PHONY: test
test: programs ## Run all tests, including the end-to-end tests on a real one-node Kubernetes
	.ci/packages openssl:openssl curl:curl nginx:nginx-light haproxy:haproxy systemctl:systemd mmdebstrap:mmdebstrap rpm:rpm jlink:default-jdk-headless node:nodejs
	.ci/test --packages -timeout 20m $(TESTFLAGS) $$(go list ./... | grep -v /e2e$$)
	@echo "end-to-end tests on a real one-node Kubernetes"
	.ci/test --stream -timeout 40m $(TESTFLAGS) ./e2e

.PHONY: test-long
test-long: programs ## Run the end-to-end tests with every variant of those that take long (half an hour)
	E2E_LONG=1 .ci/test --stream -timeout 90m $(TESTFLAGS) ./e2e

.PHONY: examples
examples: programs ## Run the quick start, the examples and the Azure SDKs (Go, Node.js 20, Python) on the node; needs the npm registry
	.ci/packages nginx:nginx-light haproxy:haproxy jlink:default-jdk-headless node:nodejs npm:npm
	dpkg -s python3-azure >/dev/null 2>&1 || .ci/packages python3-azure:python3-azure
	E2E_SDKS=1 go test -timeout 40m -v $(TESTFLAGS) -run '^(TestQuickstart|TestExamples|TestSDKs)$$' ./e2e

##@ Development

.PHONY: unit
unit: ## Run the tests that need neither root nor a node, and list the skipped tests (under two minutes)
	@.ci/unit

.PHONY: dev
dev: ## Build the images, load them into the running node, restart the webhook and the demo's pod
	@go run ./e2e/demo dev

.PHONY: wine
wine: ## Run the tests of the Windows program in Wine (installs Wine; make test skips them without it)
	.ci/packages wine:wine x86_64-w64-mingw32-ld:binutils-mingw-w64-x86-64
	go test ./sidecar -run '^TestWine$$' -count=1 -v

.PHONY: lint
lint: $(GOLANGCI_LINT) $(ACTIONLINT) ## Run golangci-lint, with the import rules, and check the workflows
	$(GOLANGCI_LINT) run ./...
	GOOS=windows $(GOLANGCI_LINT) run ./sidecar/internal/service ./sidecar/internal/winstore ./e2e/wine/...
	GOOS=windows $(GOLANGCI_LINT) run --tests=false $$(git ls-files '*_windows.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')
	$(ACTIONLINT)

.PHONY: generate
generate: $(HELM_DOCS) ## Write the generated files: deploy/, the chart's README and the settings' JSON schema
	.ci/generate $(HELM_DOCS) "$(HELM)" .

.PHONY: verify
verify: $(HELM_DOCS) ## Fail if generated files, go.mod, formatting or the width of comments are wrong
	.ci/verify $(HELM_DOCS) "$(HELM)"

VULNDB ?=
.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Fail if the programs call code with a known vulnerability (VULNDB=latest for the newest database)
	.ci/vulncheck $(GOVULNCHECK) $(VULNDB)

.PHONY: bench
bench: programs ## Measure the figures of docs/design.md, with their targets (BENCH="webhook ..." for some, PEER=DIR with the source of Azure Workload Identity to compare)
	@PEER=$(PEER) go run ./e2e/bench $(BENCH)

.PHONY: abuse
abuse: programs ## Attack the programs as tenants and neighbours can, under the chart's memory limits (ATTACKS="NAME ..." for some)
	@go run ./e2e/abuse $(ATTACKS)

.PHONY: chaos
chaos: programs ## Make faults while the programs work, and check what must hold (FAULTS="NAME ..." SEED=1 DURATION=10m; about 13 minutes)
	@go run ./e2e/chaos $(if $(SEED),-seed $(SEED)) $(if $(DURATION),-duration $(DURATION)) $(FAULTS)

FUZZTIME ?= 1m
.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m)
	.ci/fuzz $(FUZZTIME)

##@ Packages for machines

VERSION ?= 0.0.0-dev
PACKAGES ?= dist/packages
.PHONY: packages
packages: $(NFPM) ## Build .deb and .rpm of certsync for amd64 and arm64 into dist/packages (VERSION=1.2.3)
	@for arch in $(or $(ARCHS),amd64 arm64); do .ci/package $(NFPM) $$arch $(VERSION) $(PACKAGES) || exit; done

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

##@ Releases

.PHONY: snapshot
snapshot: $(GORELEASER) $(CYCLONEDX) $(NFPM) ## Build what a release consists of into dist/, unsigned (about 15 minutes the first time)
	.ci/release $(GORELEASER) $(CYCLONEDX) $(NFPM) "$(HELM)" --snapshot --skip=sign

.PHONY: release
release: $(GORELEASER) $(CYCLONEDX) $(NFPM) ## Publish the tag that is checked out (the release workflow runs it)
	.ci/publish $(GORELEASER) $(CYCLONEDX) $(NFPM) "$(HELM)"

##@ Other

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# build-tool NAME PACKAGE DURATION: how the binary of a tool is built.
define build-tool
$(TOOLS)/$(1)-%:
	@echo "building $(1) ($(3) the first time)"
	cd .ci/tools/$(1) && GOWORK=off CGO_ENABLED=0 go build -o $$@ $(2)
endef
$(eval $(call build-tool,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,about 3 minutes))
$(eval $(call build-tool,helm-docs,github.com/norwoodj/helm-docs/cmd/helm-docs,about 1 minute))
$(eval $(call build-tool,actionlint,github.com/rhysd/actionlint/cmd/actionlint,a few seconds))
$(eval $(call build-tool,govulncheck,golang.org/x/vuln/cmd/govulncheck,a few seconds))
$(eval $(call build-tool,goreleaser,github.com/goreleaser/goreleaser/v2,about 5 minutes))
$(eval $(call build-tool,cyclonedx-gomod,github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod,about 1 minute))
$(eval $(call build-tool,nfpm,github.com/goreleaser/nfpm/v2/cmd/nfpm,about 1 minute))
