# `make` lists what there is. Tools are built by the Go toolchain into a folder
# in the user's cache, one for each version, and are left alone once there.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Some goals write where others read.
.NOTPARALLEL:
# A goal that failed leaves no half of a file.
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 10s
E2E_TIMEOUT ?= 60m
# Options of the proving ground: e2e/README.md.
GROUND ?=

# ---- tools -----------------------------------------------------------------

GOLANGCI_LINT_VERSION := v2.15.0
# v1.9.0 wants a version of golang.org/x/telemetry that module proxies do not all serve.
GOVULNCHECK_VERSION := v1.8.0
# Wants a newer Go than snattop does, so it has a module and a toolchain of its
# own: see .ci/goreleaser/go.mod.
GORELEASER_VERSION := v2.18.2
GORELEASER_GO := go1.27.1

# A linter reads only what the Go that built it can read, hence the second half.
TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/snattop/tools
GOVERSION := $(shell go env GOVERSION)
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(GOVERSION)/golangci-lint
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)-$(GOVERSION)/govulncheck
GORELEASER := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)-$(GORELEASER_GO)/goreleaser

# $(call install,PACKAGE@VERSION,FILE): go install writes a tool only when it
# is complete. Outside the tree, so that its go.mod has no say.
define install
@mkdir -p '$(dir $(2))'
@echo 'building $(notdir $(2)), which takes some minutes the first time'
@cd '$(dir $(2))' && env -u GOFLAGS -u GOOS -u GOARCH GOBIN='$(patsubst %/,%,$(dir $(2)))' CGO_ENABLED=0 go install '$(1)'
endef

$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION),$@)

$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION),$@)

$(GORELEASER):
	@mkdir -p '$(dir $@)'
	@echo 'building $(notdir $@), which takes some minutes the first time'
	@cd .ci/goreleaser && env -u GOFLAGS -u GOOS -u GOARCH GOTOOLCHAIN=$(GORELEASER_GO) CGO_ENABLED=0 go build -o '$@' github.com/goreleaser/goreleaser/v2

# ---- everyday --------------------------------------------------------------

.PHONY: help
help: ## list the goals
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: probes ## build ./snattop for this machine, with the probes inside
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o snattop$(shell go env GOEXE) .

# Probes are cheap to compile and are therefore made anew each time: one that
# is older than the code around it would be worse than none.
PAYLOAD := k8s/payload/bin

.PHONY: probes
probes: ## build the probes for linux/amd64 and linux/arm64, for embedding
	@dir=$$(mktemp -d); trap 'rm -r "$$dir"' EXIT; \
	for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' \
			-o "$$dir/snattop-probe_linux_$$arch" ./probe/cmd/snattop-probe; \
	done; \
	env -u GOOS -u GOARCH go run ./k8s/payload/pack $(PAYLOAD) "$$dir"/*

# The objects are committed: a build needs no compiler for them, and CI makes
# them again and finds no difference.
.PHONY: generate
generate: ## compile the kernel programs again (clang-14, llvm-14, libbpf-dev)
	go generate ./probe/bpf ./e2e/bench/twin

.PHONY: test
test: ## run the tests: no root, no cluster
	go test ./...

.PHONY: test-race
test-race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./...

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@found=0; \
	while IFS=: read -r file target; do \
		found=1; echo "$$(dirname "$$file") $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
	done < <(git ls-files -z -co --exclude-standard -- '*_test.go' | xargs -0 grep -HoE '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //'); \
	(( found )) || { echo 'there is no fuzz target'; exit 1; }

.PHONY: lint
lint: $(GOLANGCI_LINT) ## run the linters
	$(GOLANGCI_LINT) config verify
	$(GOLANGCI_LINT) run ./...
	$(GOLANGCI_LINT) run --build-tags e2e,bench,kernel ./e2e/...

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## format the code and sort its imports
	$(GOLANGCI_LINT) fmt ./...

# Exit code 3 of govulncheck means findings; any other failure, that it could
# not look.
.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities (needs the network)
	@code=0; $(GOVULNCHECK) ./... || code=$$?; \
	if (( code != 0 && code != 3 )); then \
		echo 'vuln: nothing was checked: the vulnerability database could not be read (above), which says nothing about the code' >&2; \
	fi; \
	exit $$code

# ---- the proving ground ------------------------------------------------------

.PHONY: e2e-deps
e2e-deps: ## install what the proving ground needs (root, Debian)
	@go run ./e2e/cmd/ground deps || { \
		echo 'once more, with fresh lists of packages'; apt-get update && go run ./e2e/cmd/ground deps; }

.PHONY: e2e-up
e2e-up: ## bring up a real cluster on this machine (root); GROUND=--tunnel for one with konnectivity
	go run ./e2e/cmd/ground up $(GROUND)

.PHONY: e2e-down
e2e-down: ## take that cluster down (root)
	go run ./e2e/cmd/ground down

.PHONY: e2e
e2e: e2e-deps probes ## run the tests against a real cluster; it is down afterwards (root)
	@trap '$(MAKE) --no-print-directory e2e-down' EXIT; \
	$(MAKE) --no-print-directory e2e-up; \
	echo 'go test -tags e2e -count=1 -timeout $(E2E_TIMEOUT) ./e2e/...'; \
	go test -tags e2e -count=1 -timeout $(E2E_TIMEOUT) ./e2e/...

.PHONY: demo-recording
demo-recording: e2e-deps build ## record what `snattop demo` shows anew (root; eleven minutes)
	@trap '$(MAKE) --no-print-directory e2e-down' EXIT; \
	$(MAKE) --no-print-directory e2e-up; \
	go run ./e2e/cmd/ground demo --output internal/demo/demo.snattop --snattop ./snattop; \
	go test ./internal/demo

# In the order of the table that ends it. A figure is no failure, however bad;
# what could not be measured is one, and does not keep the rest from it.
.PHONY: e2e-kernel
e2e-kernel: ## run the probe's tests on Debian 12's kernel, emulated (root; takes minutes)
	go test -tags kernel -v -count=1 -timeout $(E2E_TIMEOUT) -run '^TestGuest$$' ./e2e/kernel

.PHONY: bench
bench: probes ## measure beside our peers (root; live numbers want e2e-up)
	@code=0; export SNATTOP_BENCH_RESULTS=$$(mktemp); trap 'rm -f "$$SNATTOP_BENCH_RESULTS"' EXIT; \
	bench() { echo "go test -tags bench -run ^$$ -bench $$*"; go test -tags bench -run '^$$' -timeout 20m -bench "$$@" ./e2e/bench || code=1; }; \
	bench 'FirstFrame|LiveNumbers' -benchtime 9x; \
	bench '^BenchmarkPNG200x60$$' -benchtime 20x; \
	bench '^BenchmarkFrames$$' -benchtime 1x; \
	for work in Snapshot SnapshotMet SnapshotSpread Tick Overhead Churn Twin Bytes Capture; do bench "^Benchmark$$work\$$" -benchtime 1x; done; \
	for work in Held KeyToFrame ScreenBytes; do bench "^Benchmark$$work\$$" -benchtime 1x; done; \
	go test -run '^$$' -bench . -benchtime 1s ./probe ./probe/wire || code=1; \
	go test -run '^$$' -bench Seek -benchtime 1x ./internal/session/recording | go run ./e2e/bench/cmd/seek "$$SNATTOP_BENCH_RESULTS" || code=1; \
	go run ./e2e/bench/cmd/table "$$SNATTOP_BENCH_RESULTS" || code=1; \
	exit $$code

# ---- pictures ----------------------------------------------------------------

# The same recording and the same program give the same files.
.PHONY: screenshots
screenshots: ## draw the pictures in docs/pictures again, by snattop itself
	go run ./tui/cmd/screenshots internal/demo/demo.snattop docs/pictures

# ---- releases ----------------------------------------------------------------

.PHONY: release-check
release-check: $(GORELEASER) ## check the release's configuration
	$(GORELEASER) check

.PHONY: release-snapshot
release-snapshot: $(GORELEASER) ## build all archives into dist/, publish nothing
	$(GORELEASER) release --snapshot --clean --skip=publish

.PHONY: clean
clean: ## remove what was built
	rm -rf dist snattop snattop.exe $(PAYLOAD)/*.zst
