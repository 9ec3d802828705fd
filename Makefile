# The two commands of this project are `make run` and `make test`. Both install what is
# missing on Debian and Ubuntu, and say what is missing elsewhere: see scripts/prerequisites.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test build loadtest bench format

# A shell that was open while rustup was installed does not know its directory yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the server and run it; options in ARGS, e.g. make run ARGS="--config my.toml"
	@scripts/prerequisites run
	cargo run --release --locked -- $(ARGS)

test: ## Check format, lints and documentation, and run every test
	@scripts/prerequisites test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace --locked
	cargo test --workspace --locked

build: ## Build the server: target/release/chatalot
	@scripts/prerequisites build
	cargo build --release --locked

loadtest: ## Put a server under load and print what it did; options in ARGS, e.g. ARGS=saturation
	@scripts/prerequisites run
	cargo build --release --locked
	cargo build --release --locked -p chatalot-loadtest
	target/release/loadtest $(ARGS)

bench: ## Time the parts of the server that do no I/O
	@scripts/prerequisites build
	cargo bench --locked -p chatalot-loadtest

format: ## Format the source
	cargo fmt --all
