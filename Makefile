# Token Vault. "make help" lists what there is.

GO          ?= go
NODE_BIN    := node_modules/.bin
GOFUMPT     := $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s

# Everything that is in one of the two WebAssembly binaries.
BROWSER := ./wasm/... ./interceptor/... ./proxy/... ./internal/hex/... ./internal/jsontext/... ./internal/policy/... ./internal/protocol/... ./internal/secret/...
# Packages that drive a browser. Each has the machine for itself.
GLUE    := ./wasm/...
E2E     := ./e2e/...

WASM_ENV  := GOOS=js GOARCH=wasm

.DEFAULT_GOAL := help
# The tests share a small machine: one after the other, in the order written.
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: build
build: ## compile the command into bin/tokenvault
	$(GO) build -trimpath -o bin/tokenvault ./cmd/tokenvault

.PHONY: demo
demo: build ## run the demonstration (ARGS='--app-port 9080' passes flags)
	@bin/tokenvault demo $(ARGS)

.PHONY: test
test: native wasm e2e ## run all tests: native, WebAssembly, end to end

.PHONY: native
native: ## run the native tests, with the race detector, and the size budgets
	@.ci/need cc gcc libc6-dev
	$(GO) test -race $$($(GO) list ./... | grep -vE '/(e2e|wasm|internal/budget)(/|$$)')
	$(GO) test ./internal/budget

.PHONY: wasm
wasm: ## run the WebAssembly tests: the glue, in Chromium
	@.ci/need chromium
	$(GO) test -p 1 $(GLUE)

.PHONY: e2e
e2e: node_modules ## run the end-to-end tests in Chromium
	@.ci/need chromium
	$(GO) test -p 1 -parallel 2 -count=1 -timeout 40m $(E2E)

.PHONY: bench
bench: node_modules ## measure beside other products, some minutes (ARGS='-rounds 1 -only vault,floor,upload')
	@.ci/need chromium
	$(GO) run ./e2e/bench $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (10s)
	@for file in $$(grep -rlE '^func Fuzz' --include='*_test.go' --exclude-dir=node_modules . | sort); do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
	    echo "$(GO) test -run '^$$' -fuzz '^$$target$$' -fuzztime $(FUZZTIME) $$(dirname "$$file")"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
	  done; \
	done

.PHONY: check
check: lint ## all that is not a test: formatting, vet, types, lint, lock file
	@unformatted=$$($(GOFUMPT) -l .) && if [ -n "$$unformatted" ]; then \
	  echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(WASM_ENV) $(GO) vet $(BROWSER)
	$(NODE_BIN)/tsc -p tsconfig.json
	$(NODE_BIN)/tsc -p tsconfig.page.json
	$(NODE_BIN)/tsc -p tsconfig.worker.json
	@if grep -n '"resolved"' package-lock.json; then \
	  echo "package-lock.json names a registry; npm install with the .npmrc here leaves it out"; exit 1; fi

.PHONY: lint
lint: node_modules ## staticcheck for both targets, eslint for the JavaScript
	$(GO) run $(STATICCHECK) ./...
	$(GO) run -exec 'env $(WASM_ENV)' $(STATICCHECK) $(BROWSER)
	$(NODE_BIN)/eslint --max-warnings 0 .

.PHONY: fmt
fmt: ## format the Go files
	$(GOFUMPT) -w .

.PHONY: clean
clean: ## remove what the build and the tests made
	rm -rf bin dist node_modules

# What the tests take from npm, by the lock file. Made anew when it changes.
node_modules: package.json package-lock.json .npmrc
	@.ci/need npm
	npm ci
	@touch node_modules
