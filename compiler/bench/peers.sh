#!/usr/bin/env bash
# Puts what programs are measured against into a folder of its own: peers.sh FOLDER
#
# numpy with OpenBLAS, ONNX Runtime and OpenVINO come from PyPI, and so does torch (some gigabytes) with TORCH=yes. ik_llama.cpp, which has
# an operator of its own for mixtures, is built when its sources are given: IK_LLAMA=<a git repository of it>. A peer that cannot be had is
# left out and said so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
environment=$folder/environment

if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
fi
"$environment/bin/python" -m pip install --quiet numpy
"$environment/bin/python" -m pip install --quiet onnxruntime onnx || echo "no ONNX Runtime to be had here" >&2
"$environment/bin/python" -m pip install --quiet openvino || echo "no OpenVINO to be had here" >&2
if [ "${TORCH:-no}" = yes ]; then
    "$environment/bin/python" -m pip install --quiet torch || echo "no torch to be had here" >&2
fi
rm -f "$folder/python"
printf '#!/bin/sh\nexec "%s/bin/python" "$@"\n' "$environment" >"$folder/python"
chmod +x "$folder/python"

if [ -n "${IK_LLAMA:-}" ] && [ ! -f "$folder/ik/build/src/libggml.a" ]; then
    "$environment/bin/python" -m pip install --quiet cmake ninja
    PATH=$environment/bin:$PATH
    rm -rf "$folder/ik"
    mkdir -p "$folder/ik"
    git -C "$IK_LLAMA" archive --prefix=ggml/ HEAD:ggml | tar x -C "$folder/ik"
    # The folder is built by itself: what its build file names besides is made empty.
    touch "$folder/ik/ggml/ggml.pc.in"
    for empty in tests examples; do
        mkdir -p "$folder/ik/ggml/$empty"
        touch "$folder/ik/ggml/$empty/CMakeLists.txt"
    done
    cmake -S "$folder/ik/ggml" -B "$folder/ik/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=20 \
        -DGGML_NATIVE=ON -DGGML_IQK_MUL_MAT=ON -DBUILD_SHARED_LIBS=OFF -DGGML_OPENMP=OFF -DGGML_IQK_FLASH_ATTENTION=OFF >/dev/null
    sed -i 's/-std=gnu++1[17]/-std=gnu++20/g' "$folder/ik/build/build.ninja"
    ninja -C "$folder/ik/build" ggml >/dev/null
fi
if [ -f "$folder/ik/build/src/libggml.a" ]; then
    # Attention is left out of the library; what still names it is never called.
    printf '#include <stdlib.h>\nint iqk_flash_attn_noalibi(void){abort();}\nint iqk_fa_work_buffer_size(void){abort();}\n' >"$folder/ik/absent.c"
    cc -O2 "$here/peer_ik.c" "$folder/ik/absent.c" -I"$folder/ik/ggml/include" "$folder/ik/build/src/libggml.a" \
        -lm -lpthread -lstdc++ -lgomp -o "$folder/peer_ik"
else
    echo "ik_llama.cpp is not measured: give its git repository as IK_LLAMA" >&2
fi
