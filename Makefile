# Two commands do everything on a Linux machine with Go and root: `make demo` and `make test`.
# What they build or fetch goes to $(CACHE), outside the tree.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export DATA_SPACER_CACHE ?= $(HOME)/.cache/data-spacer

BIN := $(DATA_SPACER_CACHE)/bin
LAB := $(BIN)/lab
# Decisions and values are what the others rest on: their statements are counted.
PURE := ./pkg/values/... ./pkg/decisions/...

# stage NAME: says which part of a long run begins, and how long the run has taken so far.
began := $(shell date +%s)
define stage
@printf '\n== %s  (%s, %d s since start)\n' "$(1)" "$$(date +%T)" "$$(( $$(date +%s) - $(began) ))"
endef

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: lab-up ## the hospital and the pharma company on a real two-node Kubernetes; leaves it up
	$(call stage,demo: the walk-through)
	@go build -o $(BIN)/walkthrough ./demo/walkthrough
	@$(LAB) exec -- $(BIN)/walkthrough

.PHONY: demo-down
demo-down: $(LAB) ## remove the lab and everything it made
	@$(LAB) down

.PHONY: lab-up
lab-up: $(LAB)
	$(call stage,lab: a two-node Kubernetes in network namespaces)
	@$(LAB) up

.PHONY: plugin
plugin: ## build kubectl-dataspace, for "kubectl dataspace"
	@mkdir -p $(BIN) && go build -o $(BIN)/kubectl-dataspace ./cmd/kubectl-dataspace && echo $(BIN)/kubectl-dataspace

.PHONY: krew
krew: ## the archives and the manifest for krew: make krew VERSION=v1.2.3 BASE=https://…
	@go run ./build/krew -to $(DATA_SPACER_CACHE)/krew -version "$(VERSION)" -base "$(BASE)" && echo $(DATA_SPACER_CACHE)/krew/dataspace.yaml

.PHONY: images
images: $(LAB) ## build the images from build/ and demo/build/
	@$(LAB) images

.PHONY: $(LAB)
$(LAB):
	@mkdir -p $(BIN) && go build -o $@ ./test/cluster

.PHONY: test
test: tools lint test-unit test-kernel test-api test-kernels test-lab ## all tests; nothing is skipped
	$(call stage,all tests passed)
	@true

.PHONY: lint
lint: ## golangci-lint with the linters named in .golangci.yml
	$(call stage,lint)
	@go build -C build/tools -o $(BIN)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@$(BIN)/golangci-lint run ./...

.PHONY: test-unit
test-unit: ## pure decisions and the shape of the code; needs no root
	$(call stage,unit tests)
	@build/tested go test -timeout 30m ./...
	@CGO_ENABLED=0 build/tested go test -C build/resolver ./...

.PHONY: test-kernel
test-kernel: tools ## real network namespaces, both iptables backends, the real Envoy
	$(call stage,kernel tests)
	@set -a; eval "$$($(LAB) env)"; set +a; build/tested go test -p 2 -count 1 -timeout 60m -tags kernel -exec "$(CURDIR)/test/isolated" $$(build/tagged kernel)

.PHONY: test-transparent
test-transparent: tools ## real clients and servers, from ordinary and foreign pods: what they notice of the proxy
	$(call stage,real clients and servers)
	@set -a; eval "$$($(LAB) env)"; eval "$$($(LAB) programs)"; set +a; \
	  build/tested go test -v -count 1 -tags transparent -run TestRealPrograms -timeout 20m -exec "$(CURDIR)/test/isolated" ./test/transparent

.PHONY: test-monitoring
test-monitoring: ## the queries of the dashboard and the alerts in the engine of Prometheus
	$(call stage,dashboard and alerts)
	@go test -C test/monitoring -count 1 ./... # its files are in another module, so that a kept result would be stale

.PHONY: test-browser
test-browser: tools ## the report's page in headless Chromium: on a desk, on a phone, on paper; PICTURES=FOLDER keeps the pictures
	$(call stage,the report in a browser)
	@set -a; eval "$$($(LAB) browser)"; set +a; go test -v -count 1 -tags browser -timeout 10m -exec "$(CURDIR)/test/isolated" ./test/browser

.PHONY: test-api
test-api: tools ## a real kube-apiserver and etcd
	$(call stage,API tests)
	@set -a; eval "$$($(LAB) env)"; set +a; build/tested go test -p 2 -count 1 -timeout 60m -tags api -exec "$(CURDIR)/test/isolated" $$(build/tagged api)

.PHONY: test-lab
test-lab: export DATA_SPACER_LAB := test
test-lab: tools ## the demo's claims, NetworkPolicy, the leak suite and ordinary work as tests, on a lab of its own
	$(call stage,lab scenario)
	@go test -c -tags lab -o $(BIN)/lab.test ./test/lab
	@trap '$(LAB) down' EXIT; $(LAB) up; cd test/lab && ../../build/tested $(LAB) exec -- $(BIN)/lab.test -test.v -test.timeout 60m

.PHONY: test-kernels
test-kernels: tools ## Debian's stock kernels in virtual machines: sockets beside IP, a guarded pod, each defence alone
	$(call stage,stock kernels)
	@set -a; eval "$$($(LAB) env)"; eval "$$($(LAB) kernels)"; set +a; \
	  build/tested go test -v -count 1 -tags 'kernels $(if $(LONG),long)' -timeout 4h -exec "$(CURDIR)/test/isolated" ./test/kernels

.PHONY: kerneltest
kerneltest: export LONG := 1
kerneltest: test-kernels ## the same with every probe, both families, both iptables backends, root and an ordinary user; a proxy's memory on cgroup v2

.PHONY: leaktest
leaktest: lab-up ## try every way out of the foreign pods of the lab, which it brings up if there is none
	$(call stage,leak suite)
	@CGO_ENABLED=0 go build -o $(BIN)/leak-attacker ./test/leak/attacker
	@go build -o $(BIN)/leaktest ./test/leak/leaktest
	@$(LAB) exec -- $(BIN)/leaktest -attacker $(BIN)/leak-attacker

.PHONY: killtest
killtest: ## 10,000 kill -9 of a program that writes the log of facts: nothing acknowledged is lost
	@FACTLOG_KILLS=10000 go test -v -count 1 -timeout 60m -run TestNothingAcknowledgedIsLost ./pkg/effects/factlog

.PHONY: racetest
racetest: tools ## 1,000 pods start while agents are killed, 100 at once, every fault; what leaves the pods is captured
	$(call stage,races and faults)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  RACE_STARTS=1000 go test -v -count 1 -tags api -run '^TestRace' -timeout 90m -exec "$(CURDIR)/test/isolated" ./test/agent

.PHONY: soak
soak: tools ## the API proxy for 60 s under watch storms, while credentials change and the API server is killed; with the race detector
	$(call stage,soak of the API proxy)
	@set -a; eval "$$($(LAB) env)"; set +a; SOAK_SECONDS=$${SOAK_SECONDS:-60} SOAK_RACE=1 \
	  build/tested go test -v -count 1 -tags api -run '^TestSoak$$' -timeout 30m -exec "$(CURDIR)/test/isolated" ./test/api/proxy

.PHONY: fuzz
fuzz: ## objects of guests and texts by chance, against the webhook, its limits and the finder of names; the seeds run in test-unit
	$(call stage,fuzzing)
	@go test -run '^$$' -fuzz FuzzFind -fuzztime 30s ./pkg/decisions/leastpriv
	@go test -run '^$$' -fuzz FuzzSelector -fuzztime 30s ./pkg/decisions/window
	@go test -run '^$$' -fuzz FuzzPermits -fuzztime 30s ./pkg/decisions/window
	@go test -run '^$$' -fuzz FuzzConditional -fuzztime 30s ./pkg/decisions/window
	@go test -run '^$$' -fuzz FuzzRewrite -fuzztime 30s ./pkg/programs/apiproxy
	@go test -run '^$$' -fuzz FuzzOneObject -fuzztime 30s ./pkg/programs/apiproxy
	@go test -run '^$$' -fuzz FuzzFilter -fuzztime 30s ./pkg/programs/apiproxy
	@go test -run '^$$' -fuzz FuzzLists -fuzztime 30s ./pkg/programs/apiproxy
	@go test -run '^$$' -fuzz FuzzExceeded -fuzztime 30s ./pkg/decisions/limits
	@go test -run '^$$' -fuzz FuzzObject -fuzztime 30s ./pkg/programs/webhook
	@go test -run '^$$' -fuzz FuzzReview -fuzztime 30s ./pkg/programs/webhook
	@go test -run '^$$' -fuzz FuzzPlacement -fuzztime 30s ./pkg/programs/webhook
	@go test -run '^$$' -fuzz FuzzTolerations -fuzztime 30s ./pkg/decisions/tolerations
	@go test -run '^$$' -fuzz FuzzSettings -fuzztime 30s ./pkg/decisions/tolerations

.PHONY: tools
tools: $(LAB)
	$(call stage,upstream binaries)
	@$(LAB) env >/dev/null

.PHONY: cover
cover: ## statement coverage of values and decisions
	@go test -cover $(PURE)

.PHONY: measures
measures: ## the code's shape against its bars (sizes, comments, names, equal lines), with the worst places
	@go run ./build/measures

.PHONY: bench
bench: tools ## speeds and sizes, as ratios to a floor measured in the same run
	$(call stage,bench: one pod from start to verified; NetworkPolicy on the node)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -p 1 -count 1 -tags kernel -run '^$$' -bench . -benchtime 20x -exec "$(CURDIR)/test/isolated" ./pkg/effects/dataplane ./test/netpol
	$(call stage,bench: one node's watch of a large cluster; NETPOL_PODS=100000 for the largest)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -count 1 -timeout 60m -tags api -run '^$$' -bench LargeCluster -benchtime 1x ./pkg/effects/policywatch
	$(call stage,bench: the whole agent in a cluster of 100000 pods; LARGE_PODS=100000 also fills a real API server with them)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -timeout 60m -tags bench -run TestTheWholeAgent -exec "$(CURDIR)/test/isolated" ./test/agent
	$(call stage,bench: what a pod's start costs, against one without us and against the bare restores)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags 'kernel bench' -run TestWhatAStartCosts -exec "$(CURDIR)/test/isolated" ./test/agent
	$(call stage,bench: a pod's traffic beside one without proxy and beside the same Envoy with Istio's settings)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -timeout 15m -tags 'kernel bench' -run TestSpeedBesideThePeer -exec "$(CURDIR)/test/isolated" ./test/envoy
	$(call stage,bench: the log of facts: appends beside a bare fdatasync, 2000 facts a second, proofs out of ten million lines)
	@go test -v -count 1 -timeout 15m -tags bench -run TestWhatTheLogCosts ./pkg/effects/factlog
	$(call stage,bench: verifying 250 foreign pods; the time from tampering to repair)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags 'kernel bench' -run 'TestWhatVerificationCosts|TestHowSoonTamperingIsRepaired' -exec "$(CURDIR)/test/isolated" ./pkg/reconcilers/podrules
	$(call stage,bench: thirty guarded pods at rest)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags bench -run Thirty -exec "$(CURDIR)/test/isolated" ./test/agent
	$(call stage,bench: what a pod's creation costs at the webhook, against a webhook that does nothing)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags bench -run TestWhatAPodCosts -exec "$(CURDIR)/test/isolated" ./test/api/webhook
	$(call stage,bench: what a decision takes with 50 GuestPolicies and 50 ProtectedTaints, against a webhook that does nothing)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags bench -run TestWhatADecisionTakes -exec "$(CURDIR)/test/isolated" ./test/api/webhook
	$(call stage,bench: policies of 1000 workloads and 300 Services, against as many bare writes, and one change; the memory that pods of a guest take)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags 'api bench' -run 'TestWhatPoliciesOfWorkloadsCost|TestWhatPodsOfAGuestTake|TestWhatTheReportOfRunningPodsTakes' -exec "$(CURDIR)/test/isolated" ./test/api/controller

	$(call stage,bench: the API proxy beside the bare API server)
	@set -a; eval "$$($(LAB) env)"; set +a; \
	  go test -v -count 1 -tags 'api bench' -run TestWhatTheProxyCosts -exec "$(CURDIR)/test/isolated" ./test/api/proxy

.PHONY: generate
generate: ## RULES.md, the map in ARCHITECTURE.md, and deploy/crds with the deep copies of their types
	@go generate ./...
