# SPDX-License-Identifier: MIT
# The signpost. Each line is one command that you can also type; scripts/ does the work.

.PHONY: all build demo test sim fuzz fuzz-rates fuzz-afl fuzz-reach coverage stress proof proof-static mutants interop-guest interop-host interop-disk bench versions format pre-push clean help bench-disk
.DEFAULT_GOAL := all

all: build ## build/vmbus and everything else; installs the packages that are missing

build:
	@scripts/setup.sh build tool
	@scripts/build.sh build
	@[ ! -f examples/bare-metal/build.sh ] || bash examples/bare-metal/build.sh build

demo: build ## a host and a guest on this machine: negotiate, open, talk
	@build/vmbus demo

test: ## everything that CI runs; ends with "N passed, N failed". STEPS="asan rooms" for some
	@scripts/setup.sh build tool test
	@scripts/test.py $(STEPS)

sim: ## the whole bus in virtual time under faults, 100,000 seeds. RUNS=1000000 for more
	@scripts/setup.sh build tool
	@scripts/sim.sh --runs $(or $(RUNS),100000)

fuzz: ## every decoder, 60 s each. T=packet for one, SECONDS=600 for longer
	@scripts/setup.sh build test
	@scripts/fuzz.sh --seconds $(or $(SECONDS),60) $(T)

coverage: ## what the tests reach of src/, by room, and the branches that they do not
	@scripts/setup.sh build test
	@scripts/coverage.py --uncovered

stress: ## 10^9 interrupts over threads, then two processes that are stopped and killed. SECONDS=600
	@scripts/setup.sh build test
	@scripts/stress.sh 1000000000 $(or $(SECONDS),600)

fuzz-rates: ## how many inputs a second each fuzzer tries, and whether that is enough
	@scripts/setup.sh build test
	@scripts/fuzz.sh --rates

fuzz-reach: ## what of src/ the fuzzers' corpora reach without any test, by room
	@scripts/setup.sh build test
	@scripts/coverage.py --fuzz

fuzz-afl: ## the same targets under AFL++, a second opinion. T=packet for one, SECONDS=60
	@scripts/setup.sh build test fuzz
	@scripts/fuzz_afl.sh $(or $(SECONDS),60) $(T)

proof: ## the whole ladder, a night of it: docs/PROOF.md says what it shows. MINUTES=25, FROM=fuzz
	@scripts/setup.sh build tool test fuzz
	@scripts/proof.sh --minutes $(or $(MINUTES),480) $(addprefix --from ,$(FROM))

proof-static: ## rings, messages, packets: no undefined access whatever a peer does
	@scripts/setup.sh build test
	@scripts/proofs.sh

mutants: ## weaken each order, drop each check: which scenario sees it? Rewrites docs/PROOF.md
	@scripts/setup.sh build test
	@scripts/mutants.sh

interop-guest: build ## our guest on a host that others wrote: QEMU's, 7.2 and 10.0. QEMU=10.0 for one
	@scripts/setup.sh interop
	@scripts/interop/guest.sh

interop-host: build ## guests that others wrote on our host: Linux 6.1. KERNEL=6.12 for that
	@scripts/setup.sh interop
	@scripts/interop/host.sh
	@scripts/interop/disk.sh

interop-disk: build ## an unmodified Linux with its root on our disk, through a restart. KERNEL=6.12
	@scripts/setup.sh interop
	@scripts/interop/disk.sh

bench: build ## the bus beside its peers, in one run; a report with plots in build/bench.html
	@scripts/setup.sh bench
	@build/vmbus bench all --html build/bench.html; echo "report: build/bench.html"

versions: ## what every version and feature does, both ends: into docs/VERSIONS.md
	@scripts/setup.sh build test
	@scripts/versions.sh

bench-disk: build ## our disk beside virtio-blk under QEMU, in the same machine. ROUNDS=7 TIME=3
	@scripts/setup.sh interop
	@scripts/interop/bench-disk.sh

format: ## put every C file into the project's format
	@scripts/format.sh

pre-push: ## what CI will say: each new commit builds, a fresh clone passes
	@scripts/pre_push.sh

clean: ## forget everything that was built
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
