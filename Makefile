# The commands a person needs; CMakePresets.json has the builds behind them.
# `make test` and `make run-lab-dev` work on a fresh Debian 12: they install what they need.

.DEFAULT_GOAL := help
.PHONY: help deps build test evaluate evaluate-rag soak bench fuzz format check asan tsan install run-lab-dev clean

# Tests with the label `root` need namespaces and mounts: they run where we are root.
ifeq ($(shell id -u),0)
  NOT_LABELS :=
else
  NOT_LABELS := -LE root
endif
CTEST := ctest --output-on-failure --no-tests=error -j2

# Whole rounds, which `make test` runs shortened.
SOAK_ROUNDS ?= 200
FUZZ_SECONDS ?= 60

# Labelled captures (not part of the project), and the model that is judged on them.
SHARED_DATA ?= ../shared/data
MODEL ?= data/models/flows-v3.json

# Labels of the tests that run under the sanitizers; `threads` are the unit tests that have some.
SANITIZED ?= unit sim e2e cluster
space := $(subst ,, )

help:
	@echo "make build         every binary, in build/bin/"
	@echo "make test          install what is missing, build, run all tests (long rounds shortened)"
	@echo "make evaluate      judge the shipped model on $(SHARED_DATA), and write docs/model-card.md anew"
	@echo "make evaluate-rag  ask rag the questions of tests/rag/questions, and judge its answers"
	@echo "make run-lab-dev   install, build, start everything here (root: with a network to attack)"
	@echo "make soak          the long rounds whole: $(SOAK_ROUNDS) kills, $(FUZZ_SECONDS) s a fuzz target"
	@echo "make bench         benchmarks beside Debian's etcd, in one run"
	@echo "make check         static checks: format, clang-tidy"
	@echo "make asan / tsan   the tests under address+undefined / thread sanitizer"
	@echo "make fuzz          every libFuzzer target for $(FUZZ_SECONDS) s"
	@echo "make format        clang-format over the tree"
	@echo "make install       into PREFIX (default /usr/local)"

deps:
	@cmake/install-deps.sh

build: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release

test: build
	@cd build && $(CTEST) $(NOT_LABELS)

evaluate: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target ml-detector
	@build/bin/ml-detector evaluate --data $(SHARED_DATA) --model $(MODEL) --within --card docs/model-card.md

evaluate-rag: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target rag
	@build/bin/rag evaluate --state tests/rag/state --questions tests/rag/questions/*.jsonl

soak: build
	@cd build && MLGUARD_ROUNDS=$(SOAK_ROUNDS) $(CTEST) -j1 $(NOT_LABELS) -L soak --timeout 3600
	@$(MAKE) --no-print-directory fuzz

bench: build
	@tests/bench/compare_etcd.sh

fuzz: deps
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz --target tests_fuzz
	@cd build-fuzz && MLGUARD_FUZZ_SECONDS=$(FUZZ_SECONDS) $(CTEST) -L '^fuzz$$' --timeout 600

format: deps
	@git ls-files '*.h' '*.c' '*.cpp' | xargs clang-format-14 -i

check: deps
	@cmake/check.sh

# Debian's libevent is not instrumented, and clang 14's run time stumbles over what it does alone.
tsan: export TSAN_OPTIONS := ignore_noninstrumented_modules=1

asan tsan: deps
	@cmake --preset $@ >/dev/null
	@cmake --build --preset $@ --target $(addprefix tests_,$(SANITIZED))
	@cd build-$@ && $(CTEST) -L '^($(subst $(space),|,$(strip $(SANITIZED))))$$' -LE 'root|bench|soak'

install: build
	@cmake --install build --prefix $(or $(PREFIX),/usr/local)

run-lab-dev: build
	@packaging/run-lab-dev.sh build

clean:
	@rm -rf build build-dev build-asan build-tsan build-tidy build-fuzz
