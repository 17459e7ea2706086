# The usual targets, each a thin call of ./pants. The text after `##` is the description that `make help` prints.

PANTS ?= ./pants

.DEFAULT_GOAL := help

.PHONY: help
help:  ## Print this list.
	@awk -F ':.*## ' '/^[a-z][a-z%-]*:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build-binary
build-binary:  ## Build the archive of agent-runner for this platform, in dist/release.
	$(PANTS) package ::

.PHONY: cross
cross:  ## Build the archives of all platforms that this machine can build; see docs/platforms.md.
	$(PANTS) --pyinstaller-platforms=all package ::

.PHONY: backend-wheel
backend-wheel:  ## Build the wheel of the backend pyinstaller_binary for other repositories, in dist.
	$(PANTS) --tag="['backend-wheel']" package build_rules:backend-wheel

.PHONY: test-binary
test-binary:  ## Run every test; those in tests/ start the packaged executable.
	$(PANTS) test ::

.PHONY: test-quickstart
test-quickstart:  ## Do docs/quickstart.md by the letter, with the backend's wheel: about 5 minutes.
	PYTHONPATH=tests $(PYTHON) -m pytest tests/quickstart/quickstart_test.py

.PHONY: test-examples
test-examples:  ## Package and start everything in examples/, with the backend's wheel. PYTHON=python3.13 with pytest.
	PYTHONPATH=tests $(PYTHON) -m pytest tests/quickstart/examples_test.py

.PHONY: test-cross
test-cross:  ## Start the executables of every platform this machine can emulate; needs root or user namespaces.
	$(PANTS) --pyinstaller-platforms=all --tag="['emulated']" test ::

.PHONY: test-darwin
test-darwin:  ## Make executables for macOS and read them: 5 minutes. PYTHON=python3.13 with pytest, uv, PyInstaller, LIEF.
	PYTHONPATH=build_rules $(PYTHON) -m pytest tests/platforms/darwin_test.py

.PHONY: test-interrupted
test-interrupted:  ## Interrupt and kill builds under qemu and Wine: about 8 minutes. PYTHON=python3.13 with pytest.
	PYTHONPATH=tests $(PYTHON) -m pytest tests/platforms/interrupted_test.py

.PHONY: site
site:  ## Make the documentation a site, in dist/site; open dist/site/index.html.
	$(PANTS) run build_support/docs_site:build

.PHONY: lint
lint:  ## Check formatting, style and types.
	$(PANTS) lint check ::

.PHONY: format
format:  ## Format the sources.
	$(PANTS) fmt ::

.PHONY: clean-binary
clean-binary:  ## Remove dist; keep what Pants has cached.
	rm -rf dist

.PHONY: verify-release
verify-release:  ## Check the files that build-binary wrote to dist/release; VERSION=dev.
	$(PANTS) run build_rules/release:cli -- verify dist/release --platform local --version $(or $(VERSION),dev) --evidence dist/evidence

TAG ?= agent-runner-v0.1.0-test
PLATFORMS ?= all

.PHONY: release-dry-run
release-dry-run:  ## Rehearse the release of what builds here, without an account: TAG=agent-runner-v0.1.0-test PLATFORMS=all.
	PANTS_RELEASE_VERSION=$(TAG) PANTS_RELEASE_COMMIT=$$(git rev-parse HEAD) \
	  $(PANTS) --pyinstaller-platforms=$(PLATFORMS) package ::
	$(PANTS) run build_rules/release:cli -- rehearse --tag $(TAG) $(ARGS)

.PHONY: rollback-dry-run
rollback-dry-run:  ## Print what a rollback to TAG would do: TAG=agent-runner-v0.1.0.
	$(PANTS) run build_rules/release:cli -- rollback $(TAG) --bucket $(or $(RELEASE_BUCKET),bucket) --dry-run

.PHONY: trigger-ci-build
trigger-ci-build:  ## Build the current branch on all five platforms, on GitHub; needs `gh auth login`.
	gh workflow run build-agent-runner-binaries.yml --ref "$$(git branch --show-current)" -f version="dev-$$(date +%Y%m%d-%H%M%S)"
	@echo "Started. Follow it with: gh run list --workflow build-agent-runner-binaries.yml"

# Made by pattern: `make release-plan`, `release-verify`, `release-notes`, `release-ledger` and so on.
release-%:  ## Run command % of the release program, e.g. make release-plan ARGS="--tag agent-runner-v0.1.0".
	$(PANTS) run build_rules/release:cli -- $* $(ARGS)

RUNS ?= 3
ONLY ?= clean,nothing,line,bump,version,start,onedir,ten
PYTHON ?= python3

.PHONY: bench
bench:  ## Compare with plain PyInstaller: RUNS=3 ONLY=clean,line PYTHON=python3 (3.11 or newer).
	PYTHONPATH=bench:tests $(PYTHON) bench/compare.py --runs $(RUNS) --only $(ONLY) $(BENCH_OPTIONS)

.PHONY: gallery gallery-locks
gallery:  ## Freeze programs that use well-known packages, write docs/compatibility.md: ONLY=numpy,pandas PYTHON=python3.13.
	PYTHONPATH=bench:build_rules $(PYTHON) -m gallery $(if $(filter file,$(origin ONLY)),,--only "$(ONLY)") $(GALLERY_OPTIONS)

GALLERY_LOCKS = $(if $(filter file,$(origin ONLY)),$(basename $(notdir $(wildcard bench/gallery/locks/*.in))),$(shell echo "$(ONLY)" | tr , " "))

gallery-locks:  ## Make the gallery's locks anew, of the newest releases: ONLY=numpy,pandas PYTHON=python3.13 with uv.
	@set -e; for name in $(GALLERY_LOCKS); do \
	  echo "$$name"; \
	  $(PYTHON) -m uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.13 bench/gallery/locks/$$name.in --output-file bench/gallery/locks/$$name.lock; \
	done

.PHONY: bench-sizes
bench-sizes:  ## Compare the sizes of ten programs with plain PyInstaller's: ONLY=hello,rich_table PYTHON=python3.13 (half an hour).
	PYTHONPATH=build_rules $(PYTHON) bench/sizes/compare_sizes.py $(if $(filter-out file default,$(origin ONLY)),--only $(ONLY)) $(BENCH_OPTIONS)

.PHONY: proof-picture
proof-picture:  ## Record the README's picture of a build that the proof fails. PYTHON=python3.13.
	PYTHONPATH=tests $(PYTHON) bench/record_proof_failure.py

CACHE := $(PANTS) run build_rules/remote_cache:server --

.PHONY: cache-server cache-status cache-stop
cache-server:  ## Start a remote cache for this machine's clones: ARGS="--max-size 50G"; see docs/remote-cache.md.
	$(CACHE) start $(ARGS)

cache-status:  ## Show whether the remote cache is running, and what clients may do.
	$(CACHE) status $(ARGS)

cache-stop:  ## Stop the remote cache; keep its contents.
	$(CACHE) stop $(ARGS)

GOAL ?= package ::

.PHONY: cache-report
cache-report:  ## Report cache hits and misses, with causes, for GOAL="package ::".
	$(PANTS) --cache-report-enabled $(GOAL)

.PHONY: test-cache
test-cache:  ## Build against a remote cache that is down, slow, silent or damaged: about 15 minutes. PYTHON=python3.13 with pytest.
	PYTHONPATH=tests $(PYTHON) -m pytest tests/remote_cache

SERVICES ?= 1,3
LOCKS ?= 1
AGENT_RUNNER ?= 1

.PHONY: bench-cache
bench-cache:  ## Measure what a remote cache saves, and how the cost grows: SERVICES=1,10,100 LOCKS=1,10 AGENT_RUNNER=1,10.
	PYTHONPATH=bench:tests $(PYTHON) bench/cache.py --agent-runner "$(AGENT_RUNNER)" --services "$(SERVICES)" --locks "$(LOCKS)" $(BENCH_OPTIONS)

.PHONY: stores stores-trim
stores:  ## List what Pants keeps on this machine, with sizes.
	$(PYTHON) build_support/stores.py

stores-trim:  ## Remove what has not been used for DAYS=30.
	$(PYTHON) build_support/stores.py trim --unused $(or $(DAYS),30)
