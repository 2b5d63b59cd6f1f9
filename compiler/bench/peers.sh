#!/usr/bin/env bash
# Puts what programs are measured against into a folder of its own: peers.sh FOLDER
#
# numpy with OpenBLAS, ONNX Runtime, OpenVINO and ggml (in the source package of llama-cpp-python, built here) come from PyPI, and so does
# torch (some gigabytes) with TORCH=yes. ik_llama.cpp, whose ggml has an operator of its own for mixtures, is built when its sources are
# given: IK_LLAMA=<a git repository of it>. A peer that cannot be had is left out and said so. With BENCH_CPU=x86-64-v3 what is built here
# is built for that.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
environment=$folder/environment

if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
fi
packages() { "$environment/bin/python" -m pip install --quiet "$@"; }
packages numpy
packages onnxruntime onnx || echo "no ONNX Runtime to be had here" >&2
packages openvino || echo "no OpenVINO to be had here" >&2
if [ "${TORCH:-no}" = yes ]; then
    packages torch || echo "no torch to be had here" >&2
fi
rm -f "$folder/python"
printf '#!/bin/sh\nexec "%s/bin/python" "$@"\n' "$environment" >"$folder/python"
chmod +x "$folder/python"

case ${BENCH_CPU:-native} in
native) level= instructions=-DGGML_NATIVE=ON ;;
*) level=-$BENCH_CPU instructions="-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON" ;;
esac

# The sources of a ggml, as the folder `ggml` in the current one.
ggml_sources() {
    packages scikit-build-core flit-core setuptools wheel
    "$environment/bin/python" -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation llama-cpp-python &&
        tar xzf llama_cpp_python-*.tar.gz --strip-components=3 --wildcards '*/vendor/llama.cpp/ggml' && rm llama_cpp_python-*.tar.gz
}
ik_sources() { [ -n "${IK_LLAMA:-}" ] && git -C "$IK_LLAMA" archive --prefix=ggml/ HEAD:ggml | tar x; }

# ggml's folder is built by itself: what its build file names besides is made empty.
alone() {
    mkdir -p ggml/tests ggml/examples
    touch ggml/ggml.pc.in ggml/tests/CMakeLists.txt ggml/examples/CMakeLists.txt
}
# Builds a ggml in a folder of its own, unless it is there: library NAME SETTINGS…
library() {
    local name=$1
    shift
    [ ! -f "$folder/$name/build$level/src/libggml.a" ] || return 0
    mkdir -p "$folder/$name"
    packages cmake ninja
    # ik_llama.cpp needs a later standard than its build file says.
    (
        PATH=$environment/bin:$PATH
        cd "$folder/$name" && { [ -f ggml/ggml.pc.in ] || { rm -rf ggml && "${name}_sources" && alone; }; } && rm -rf "build$level" &&
            cmake -S ggml -B "build$level" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF $instructions "$@" >/dev/null &&
            sed -i 's/-std=gnu++1[17]/-std=gnu++20/g' "build$level/build.ninja" && ninja -C "build$level" ggml >/dev/null
    )
}
# The program that measures a ggml: program NAME FLAGS…
program() {
    local name=$1
    shift
    cc -O2 "$here/peer_ggml.c" -I"$folder/$name/ggml/include" "$@" -Wl,--start-group "$folder/$name/build$level"/src/libggml*.a \
        -Wl,--end-group -lm -lpthread -lstdc++ -lgomp -ldl -o "$folder/peer_$name$level"
}

if library ggml -DGGML_LLAMAFILE=ON; then
    program ggml
else
    echo "no ggml to be had here" >&2
fi
if library ik -DCMAKE_CXX_STANDARD=20 -DGGML_IQK_MUL_MAT=ON -DGGML_OPENMP=OFF -DGGML_IQK_FLASH_ATTENTION=OFF; then
    # Attention is left out of the library; what still names it is never called.
    printf '#include <stdlib.h>\nint iqk_flash_attn_noalibi(void){abort();}\nint iqk_fa_work_buffer_size(void){abort();}\n' >"$folder/ik/absent.c"
    program ik -DIK "$folder/ik/absent.c"
else
    echo "ik_llama.cpp is not measured: give its git repository as IK_LLAMA" >&2
fi
