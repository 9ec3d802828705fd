# The two commands of this project are `make run` and `make test`. Both install what is
# missing on Debian and Ubuntu, and say what is missing elsewhere: see scripts/prerequisites.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test build dev openapi loadtest bench format

# A shell that was open while rustup was installed does not know its directory yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# The server that the browser tests start: the one that `cargo test` built.
TEST_SERVER = $(abspath $(or $(CARGO_TARGET_DIR),target))/debug/chatalot

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the server with its page and run it; options in ARGS, e.g. make run ARGS="--config my.toml"
	@scripts/prerequisites run
	cargo run --release --locked -- $(ARGS)

test: ## Check format, lints and documentation, and run every test
	@scripts/prerequisites test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace --locked
	npm --prefix web run check
	npm --prefix web run lint
	npm --prefix web run test
	cargo test --workspace --locked
	CHATALOT_TEST_SERVER=$(TEST_SERVER) npm --prefix web run e2e

build: ## Build the server: target/release/chatalot
	@scripts/prerequisites build
	cargo build --release --locked

dev: ## Serve the page with live changes at http://localhost:5173, beside `make run`
	npm --prefix web run dev

openapi: ## Bring web/openapi.json, from which the page's types are made, up to date
	cargo run --locked -- openapi > web/openapi.json.new
	mv web/openapi.json.new web/openapi.json
	npm --prefix web run types

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
	npm --prefix web run format
