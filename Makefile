# make demo    the main job: builds the compiler, compiles a mixture of experts to a program, runs it on real pictures
# make test    everything that is checked
# make build   the commands, in target/release
# make bench   the figures in compiler/BENCHMARKS.md, measured here
# make book    the book as HTML, in target/book/html
# make fuzz    RUNS=1000000 changed texts and files for each fuzz target (a nightly compiler)
# make sanitize  the runtime's tests under the address sanitizer, with undefined behaviour checked (a nightly compiler)
# make audit   licences and sources of the packages Moe is made of, and known faults in them
# make clean   removes what was built

CARGO ?= cargo
LIBRARY = -p moe-runtime-static
WITHOUT_LLVM = --workspace --exclude moe-llvm

RUNS ?= 1000000

.PHONY: demo test build audit bench book clean fuzz sanitize

build:
	@sh -c 'command -v $(CARGO) >/dev/null || { echo "Rust is needed: https://www.rust-lang.org/tools/install" >&2; exit 1; }'
	@compiler/llvm/packages.sh; status=$$?; \
	if [ $$status = 0 ]; then $(CARGO) build --release --workspace; \
	elif [ $$status = 3 ]; then $(CARGO) build --release $(WITHOUT_LLVM); \
	else exit $$status; fi

demo: build
	@examples/fashion/demo.sh

test: build
	@compiler/llvm/packages.sh emulator
	@compiler/llvm/packages.sh; status=$$?; \
	if [ $$status = 0 ]; then $(CARGO) test --release --no-fail-fast --workspace; \
	elif [ $$status = 3 ]; then $(CARGO) test --release --no-fail-fast $(WITHOUT_LLVM); \
	else exit $$status; fi
	@target/release/moe test stdlib
	@target/release/moe fmt --check stdlib examples

bench: build
	@compiler/bench.sh

book:
	@CARGO=$(CARGO) grammar/book/build.sh

fuzz:
	@compiler/fuzz/run.sh $(RUNS) $(TARGETS)

sanitize: build
	@runtime/sanitize.sh

audit:
	@compiler/audit.sh

clean:
	$(CARGO) clean
