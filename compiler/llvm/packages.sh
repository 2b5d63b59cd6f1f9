#!/usr/bin/env bash
# Makes sure that LLVM and MLIR 22 and a C linker are there, installing Debian's packages where they are missing.
# Exit status 0: LLVM can be used. 3: it cannot be had here, and why stands on stderr; everything but LLVM still works.
# `packages.sh emulator` instead: what tests need to run code for Arm where this is no such machine; without it they are left out.
set -u
prefix=/usr/lib/llvm-22
packages=(llvm-22-dev libmlir-22-dev libclang1-22 libclang-common-22-dev libpolly-22-dev libzstd-dev)

say() { printf '%s\n' "$*" >&2; }

have_llvm() {
    [ -x $prefix/bin/llvm-config ] && [ -e $prefix/lib/libMLIR.so ] && [ -e $prefix/include/mlir-c/IR.h ] &&
        compgen -G "$prefix/lib/libclang*.so*" >/dev/null && [ -e $prefix/lib/libPolly.a ] &&
        [ -e $prefix/lib/clang/22/include/stddef.h ] && [ -e /usr/include/zstd.h ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

install() {
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    as_root apt-get update >/dev/null 2>&1
    as_root apt-get install -y --no-install-recommends "$@" >&2
}

if [ "${1:-}" = emulator ]; then
    command -v qemu-aarch64 >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null && exit 0
    command -v apt-get >/dev/null && install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross && exit 0
    say "there is no emulator of Arm here (qemu-user and gcc-aarch64-linux-gnu): code for it is not run"
    exit 0
fi

if ! command -v cc >/dev/null; then
    command -v apt-get >/dev/null && install gcc libc6-dev
    command -v cc >/dev/null || { say "a C compiler is needed to link programs: install gcc (or clang) so that 'cc' is found"; exit 1; }
fi

have_llvm && exit 0
if ! command -v apt-get >/dev/null; then
    say "LLVM 22 is not at $prefix. This system has no apt-get; install LLVM 22 and MLIR 22 with their development files"
    say "(on Debian: ${packages[*]}) and link or copy them to $prefix. Going on without LLVM."
    exit 3
fi
install "${packages[@]}"
have_llvm && exit 0
say "LLVM 22 could not be installed (packages: ${packages[*]}). Going on without LLVM: programs are written with Cranelift."
exit 3
