# The short commands. The real build is CMake (CMakePresets.json); this file only calls it.
#   make         build into build/ and prepare .venv/
#   make demo    train a digit classifier and a small GPT on the modelled chip (the main job)
#   make test    the whole test suite, then the C tests again under the sanitizers
#   make short   the tests of one minute, for before a commit
#   make long    the tests of many minutes, which `make test` leaves out: ResNet-20 and the GPT of examples/ to their end,
#                a thousand kills, the threaded tests under ThreadSanitizer
#   make tsan    these alone
#   make torch   .venv-torch/ with PyTorch/XLA (some 6 GB), and the tests that train on the modelled chip with it
#   make bench   how fast the model itself runs; BENCH=... passes options on (docs/performance.md)
#   make format  clang-format over the tree
#   make clean   remove what the builds made (.venv stays; distclean removes it too)
# JOBS=N limits the parallel jobs, PYTHON=path picks the interpreter for .venv.

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON ?=
BENCH ?=
export PYTHON

.PHONY: all system venv build demo test short long tsan torch sanitize bench format clean distclean

all: build venv

system:
	@bash tools/setup.sh system

venv: build
	@bash tools/setup.sh venv

build: system
	@bash tools/setup.sh configure release
	@cmake --build --preset release --parallel $(JOBS)

demo: all
	@.venv/bin/python tools/demo.py

test: all
	@bash tools/setup.sh venv-test
	ctest --preset release --parallel $(JOBS)
	@$(MAKE) --no-print-directory sanitize

short: all
	@bash tools/setup.sh venv-test
	ctest --preset short --parallel $(JOBS)

long: all
	@bash tools/setup.sh venv-test
	ctest --preset long
	@$(MAKE) --no-print-directory tsan

tsan: system
	@bash tools/setup.sh configure tsan
	@cmake --build --preset tsan --parallel $(JOBS) --target threaded_tests
	ctest --preset tsan --parallel $(JOBS)

torch: build
	@bash tools/setup.sh venv-torch
	ctest --preset torch

sanitize: system
	@bash tools/setup.sh configure dev
	@cmake --build --preset dev --parallel $(JOBS)
	ctest --preset dev --parallel $(JOBS)

bench: all
	@cmake --build --preset release --parallel $(JOBS) --target benchmarks
	@build/bench/tiles
	@OMP_NUM_THREADS=1 build/bench/cube
	@build/bench/engines
	@.venv/bin/python bench/programs.py build/bench/programs
	@build/bench/compile build/bench/programs/*.mlirbc
	@build/bench/clock build/bench/programs/*.mlirbc
	@.venv/bin/python bench/run.py $(BENCH)

format:
	@python3 tools/check_format.py --fix

clean:
	rm -rf build build-asan build-tsan build-fuzz

distclean: clean
	rm -rf .venv .venv-torch
