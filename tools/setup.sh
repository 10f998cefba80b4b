#!/usr/bin/env bash
# Prepares what a build needs and says what it does. Called by the Makefile:
#   setup.sh system              compilers, CMake and libraries, by apt when missing and permitted
#   setup.sh configure PRESET    one CMake configure, only when it was not done yet
#   setup.sh venv                .venv with pinned packages and the trainstone package
#   setup.sh venv-test           the packages that only the tests use
#   setup.sh venv-torch          .venv-torch with PyTorch/XLA and the trainstone package
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'trainstone setup: %s\n' "$*"; }
fail() {
    printf 'trainstone setup: %s\n' "$@" >&2
    exit 1
}

# A C compiler that is new enough: $CC when the user chose one.
compiler() {
    local found=${CC:-}
    [ -n "$found" ] || for found in gcc clang ''; do command -v "$found" >/dev/null 2>&1 && break; done
    echo "$found"
}

has_header() {
    local cc
    cc=$(compiler)
    [ -n "$cc" ] && printf '#include <stddef.h>\n#include <stdarg.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <%s>\n' "$1" |
        "$cc" -E -x c - >/dev/null 2>&1
}

# The first Python that is 3.11 or newer; empty when there is none.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

# The headers that the extension module of trainstone.nki is built with.
has_python_headers() {
    "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

missing_packages() {
    local python
    [ -n "$(compiler)" ] && has_header stdio.h || echo gcc libc6-dev
    command -v cmake >/dev/null || echo cmake
    command -v ninja >/dev/null || command -v make >/dev/null || echo ninja-build
    has_header zstd.h || echo libzstd-dev
    has_header cmocka.h || echo libcmocka-dev
    python=$(find_python)
    if [ -z "$python" ]; then
        echo python3 python3-venv
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "python3-venv"
    fi
    [ -n "$python" ] && has_python_headers "$python" || echo python3-dev
}

install_packages() {
    local packages=$* root=''
    command -v apt-get >/dev/null || fail "missing: $packages" \
        "this machine has no apt-get; install them with its own package manager, then run make again"
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            root='sudo -n'
        else
            fail "missing system packages, and no right to install them; run this, then make again:" \
                "  sudo apt-get update && sudo apt-get install -y $packages"
        fi
    fi
    say "installing with apt-get: $packages"
    local log
    log=$(mktemp)
    if ! { $root apt-get update -q &&
        $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install: $packages"
    fi
    rm -f "$log"
}

check_versions() {
    local cmake_version cc
    cmake_version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
    [ "$(printf '3.25\n%s\n' "$cmake_version" | sort -V | head -n 1)" = 3.25 ] ||
        fail "cmake $cmake_version is too old: 3.25 is needed (Debian 12, Ubuntu 24.04, or pip install cmake)"
    [ -n "$(find_python)" ] ||
        fail "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11 when it is not on PATH"
    cc=$(compiler)
    printf '%s\n' '#if defined __clang__' '#define OLD (__clang_major__ < 14)' '#else' \
        '#define OLD (__GNUC__ < 12)' '#endif' '#if OLD' '#error old' '#endif' |
        "$cc" -E -x c - >/dev/null 2>&1 || fail "$cc is too old: gcc 12 or clang 14 is needed; set CC"
}

system() {
    local packages
    packages=$(missing_packages)
    if [ -n "$packages" ]; then
        install_packages $packages
        packages=$(missing_packages)
        [ -z "$packages" ] || fail "still missing after the installation: ${packages//$'\n'/ }"
    fi
    check_versions
}

configure() {
    local preset=$1 directory
    case $preset in
        release) directory=build ;;
        dev) directory=build-asan ;;
        *) directory=build-$preset ;;
    esac
    [ -f "$directory/CMakeCache.txt" ] && [ "$directory/CMakeCache.txt" -nt CMakePresets.json ] && return
    say "configuring $directory"
    if command -v ninja >/dev/null && [ ! -f "$directory/Makefile" ]; then
        cmake --preset "$preset" -G Ninja --log-level=WARNING >/dev/null
    else
        cmake --preset "$preset" --log-level=WARNING >/dev/null
    fi
    touch "$directory/CMakeCache.txt"
}

# make_venv FOLDER: an environment of a Python that is new enough, unless it is there.
make_venv() {
    local python
    "$1/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    python=$(find_python)
    say "making $1 with $python"
    rm -rf "$1"
    "$python" -m venv "$1"
}

# pip_install FOLDER STAMP INPUT... -- ARGUMENTS: pip install, skipped while the stamp holds the inputs' hash.
pip_install() {
    local folder=$1 stamp=$1/$2 inputs=() hash
    shift 2
    while [ "$1" != -- ]; do
        inputs+=("$1")
        shift
    done
    shift
    hash=$(cat "${inputs[@]}" | cksum)
    [ "$(cat "$stamp" 2>/dev/null || true)" = "$hash" ] && return
    say "pip install $*"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" </dev/null ||
        fail "pip could not install into $folder: $*"
    printf '%s\n' "$hash" >"$stamp"
}

# add_checkout FOLDER: the checkout's own package. JAX finds jax_plugins wherever Python looks for modules, torch_xla
# asks for entry points, which only an installed package has: this much of one.
add_checkout() {
    local site info version
    site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    version=$(sed -n 's/^project(trainstone VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
    printf '%s\n' "$PWD/python" >"$site/trainstone.pth"
    rm -rf "$site"/trainstone-*.dist-info
    info=$site/trainstone-$version.dist-info
    mkdir "$info"
    printf 'Metadata-Version: 2.1\nName: trainstone\nVersion: %s\n' "$version" >"$info/METADATA"
    printf '[torch_xla.plugins]\ntrainstone = trainstone.torch_plugin:Plugin\n' >"$info/entry_points.txt"
}

venv() {
    make_venv .venv
    pip_install .venv stamp-requirements tools/requirements.txt -- -r tools/requirements.txt
    add_checkout .venv
}

venv_test() {
    venv
    pip_install .venv stamp-requirements-test tools/requirements.txt tools/requirements-test.txt -- \
        -r tools/requirements.txt -r tools/requirements-test.txt
}

venv_torch() {
    make_venv .venv-torch
    pip_install .venv-torch stamp-requirements tools/requirements-torch.txt -- -r tools/requirements-torch.txt
    add_checkout .venv-torch
}

case ${1:-} in
    system) system ;;
    configure) configure "${2:?preset}" ;;
    venv) venv ;;
    venv-test) venv_test ;;
    venv-torch) venv_torch ;;
    *) fail "usage: setup.sh system|configure PRESET|venv|venv-test|venv-torch" ;;
esac
