# Trent: everything a contributor runs. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The programs take their version from the build information, which Go takes
# from git.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags "-s -w"

.PHONY: help build image run test test-deps bench bench-large soak lint generate fuzz mutants clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build bin/trent, bin/trent-hsm and bin/trent-hsm-fips
	$(GO_BUILD) -o bin/trent ./cmd/trent
	$(GO_BUILD) -o bin/trent-hsm ./cmd/trent-hsm
	GOFIPS140=certified $(GO_BUILD) -tags fipsonly -o bin/trent-hsm-fips ./cmd/trent-hsm

CONTAINER ?= docker
image: build ## build the container image trent with $(CONTAINER), docker by default
	rm -rf bin/image
	packaging/container/assemble bin/image
	$(CONTAINER) build -t trent -f bin/image/Containerfile bin/image

run: build ## build, then start a development server on http://127.0.0.1:4599
	exec bin/trent dev

test: test-deps build ## vet and test every module; lists skipped tests (CI=true: they fail)
	scripts/test.sh

test-deps: ## install what the tests need (as root on Debian), or say what is missing
	scripts/test-deps.sh

bench: build ## measure the server beside a null server and the primitives, then the micro-benchmarks (BENCH_SECONDS=2)
	scripts/bench.sh

bench-large: ## an audit trail of 20 million records: 34 GB in BENCH_FOLDER (default /tmp), which it says before it begins
	go -C test build -trimpath -o ../bin/load ./load
	bin/load trail -records 20000000 -steps 8 -dir "$${BENCH_FOLDER:-/tmp}" -json bin/bench-trail-large.json

soak: test-deps build ## the long forms of the tests: minutes of load, rounds of kill -9
	TRENT_SOAK=1 scripts/test.sh

lint: ## gofmt, vet and staticcheck, every module
	scripts/lint.sh

generate: ## rewrite the generated files
	scripts/generate.sh

fuzz: ## run every fuzz target for FUZZTIME (default 20s)
	scripts/fuzz.sh

mutants: ## change the evaluation of policies in every small way; a change that no test notices needs a reason
	scripts/mutants.sh

clean: ## remove bin/
	rm -rf bin
