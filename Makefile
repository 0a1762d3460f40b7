# The two commands of the README, and a few for those who work on it. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install setup setup-demo test demo bench soak lint stop

# What `make setup` built from source lies beside the other parts.
PARTS := $(or $(PGFREIGHT_PARTS),$(if $(filter 0,$(shell id -u)),/var/cache/pgfreight,$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pgfreight-parts))
export PATH := $(PARTS)/cargo/bin:$(PATH)

TARGET := $(or $(CARGO_TARGET_DIR),target)

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: ## install what the tests need and this machine lacks (as root: Debian packages too)
	@fixtures/setup.sh all

setup-demo:
	@fixtures/setup.sh demo

# The servers that tests share are stopped at the end, however it ends; the runner's closing line comes last.
# Everything is built by one command: another selection of packages would build the dependencies a second time.
test: setup ## install what is missing, then run every test
	@cargo nextest run --workspace --no-run --cargo-quiet
	@trap '$(TARGET)/debug/pgfreight-parts stop >/dev/null' EXIT; \
	  status=0; log=$(TARGET)/doctests.log; \
	  cargo test --quiet --workspace --doc >$$log 2>&1 || { status=$$?; cat $$log; }; \
	  cargo nextest run --workspace --profile full || status=$$?; \
	  exit $$status

PREFIX ?= /usr/local

install: ## build the release binary and put it under PREFIX
	@cargo build --release -p pgfreight
	@install -D -m 755 $(TARGET)/release/pgfreight $(DESTDIR)$(PREFIX)/bin/pgfreight

demo: setup-demo ## dump, verify, restore and prove equal on a throwaway PostgreSQL
	@cargo build --release -p pgfreight
	@fixtures/demo.sh $(TARGET)/release/pgfreight

bench: setup ## whole dumps and restores side by side with pg_dump and pg_restore
	@benches/run.sh

# The program under test is the one that users run; the tests themselves need no optimising.
soak: setup ## the long tests: gigabytes, kills and resumes
	@cargo build --release -p pgfreight
	@cargo nextest run --workspace --no-run --cargo-quiet
	@trap '$(TARGET)/debug/pgfreight-parts stop >/dev/null' EXIT; \
	  PGFREIGHT_TEST_PROGRAM=$(abspath $(TARGET))/release/pgfreight \
	  cargo nextest run --workspace --profile soak --run-ignored only

lint: ## formatting, clippy and the house rules
	@cargo fmt --all --check
	@cargo clippy --quiet --workspace --all-targets -- -D warnings
	@cargo run --quiet -p xtask -- tidy

stop: ## stop servers that an interrupted test run left behind
	@cargo run --quiet -p pgfreight-fixtures --bin pgfreight-parts -- stop
