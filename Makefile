# One command for each habit. `make help` lists them.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
PROFD_FLAGS ?=
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := all
.PHONY: all help run demo test soak test-kernels bench fuzz lint tidy format install clean packages configure-tests

all: $(BUILD)/build.ninja ## build build/profd and build/profctl (release)
	@cmake --build $(BUILD) -j $(JOBS) --target profd profctl

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: packages ## install what is missing, build, and run profd here until Ctrl-C
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) deploy/run $(PROFD_FLAGS)

demo: packages-demo ## a Go service with a runaway recursion, caught; with Prometheus and its alert
	@$(MAKE) --no-print-directory all
	@PROMETHEUS="$$(tests/tools/prometheus.sh $(BUILD)/tools)/prometheus" BUILD=$(BUILD) deploy/demo/run

test: packages-test ## install what is missing, build, and run every test that can run here (about 15 minutes)
	@$(MAKE) --no-print-directory configure-tests
	@cmake --build $(BUILD) -j $(JOBS)
	@python3 tests/run.py --build $(BUILD)

soak: packages-test ## the same with the full counts: many runs, whole matrices, hours
	@$(MAKE) --no-print-directory configure-tests
	@cmake --build $(BUILD) -j $(JOBS)
	@PROFD_SOAK=1 python3 tests/run.py --build $(BUILD)

test-kernels: packages-kernels ## the kernel tests on Debian's own kernels 6.1 and 6.12, in qemu
	@$(MAKE) --no-print-directory configure-tests
	@cmake --build $(BUILD) -j $(JOBS) --target live_kernel_test
	@tests/kernels/run.sh $(BUILD)

bench: packages-bench ## what profd costs, beside other tools in the same run
	@$(MAKE) --no-print-directory configure-tests
	@cmake --build $(BUILD) -j $(JOBS)
	@python3 tests/benchmark/run.py --build $(BUILD)

fuzz: packages-test ## fuzz what reads hostile bytes, FUZZ_SECONDS each (60)
	@tests/fuzz/run $(FUZZ_SECONDS)

lint: packages-test ## formatter, clang-tidy, layering and style rules
	@$(MAKE) --no-print-directory configure-tests
	@tests/lint/run $(BUILD)

tidy: packages-test ## lint with clang-tidy over the whole tree as well (about 15 minutes)
	@$(MAKE) --no-print-directory configure-tests
	@PROFD_TIDY=1 tests/lint/run $(BUILD)

format: ## rewrite our C and C++ as the formatter wants it
	@tests/lint/format --fix

install: all ## install programs, service and completions to PREFIX (default /usr/local)
	install -D -m 755 $(BUILD)/profd $(DESTDIR)$(PREFIX)/bin/profd
	install -D -m 755 $(BUILD)/profctl $(DESTDIR)$(PREFIX)/bin/profctl
	install -D -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/profd/README.md
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/profd/LICENSE
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	sed 's|/usr/local/|$(PREFIX)/|g' deploy/systemd/profd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/profd.service
	install -D -m 644 deploy/systemd/profd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/profd.conf
	@# A package makes the service's group where it is unpacked; without DESTDIR that is here.
	@[ -n "$(DESTDIR)" ] || getent group profd >/dev/null || \
	  systemd-sysusers $(PREFIX)/lib/sysusers.d/profd.conf || \
	  echo "make install: there is no group profd, which the service needs: run 'groupadd --system profd'" >&2
	$(BUILD)/profctl completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/profctl

clean: ## remove what builds made
	rm -rf $(BUILD)

packages:
	@deploy/packages

packages-%:
	@deploy/packages $*

# A build without tests needs fewer packages. Once a build folder has tests, it keeps them.
$(BUILD)/build.ninja:
	@command -v ninja cmake >/dev/null || { echo "make: cmake or ninja is missing: run deploy/packages" >&2; exit 1; }
	@cmake --preset release -B $(BUILD) -DPROFD_TESTS=OFF >/dev/null

configure-tests:
	@grep -qs '^PROFD_TESTS:BOOL=ON' $(BUILD)/CMakeCache.txt && [ -e $(BUILD)/build.ninja ] || \
	  cmake --preset release -B $(BUILD) -DPROFD_TESTS=ON >/dev/null
