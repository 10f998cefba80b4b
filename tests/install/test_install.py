"""An installed Trainstone: a prefix that C and CMake programs find, and a wheel in an environment of its own."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["TRAINSTONE_BUILD"])
STEP = """
import jax, jax.numpy as jnp
assert jax.devices()[0].platform == "neuron", jax.devices()
print(float(jax.jit(lambda x: (x @ x).sum())(jnp.eye(128))))
"""
NKI = "import trainstone.nki.activate, neuronxcc.nki; print(neuronxcc.nki.__name__)"
C_PROGRAM = """
#include <stdio.h>
#include <trainstone/trainstone.h>
int main(void) {
    printf("%s %zu\\n", ts_version(), ts_last_run_json(NULL, 0));
    return 0;
}
"""
CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(trainstone 0.1 REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE trainstone::trainstone)
"""


def clean_environment(**more):
    """Nothing that would lead to the checkout or its build."""
    dropped = ("TRAINSTONE_", "PYTHON", "JAX_", "NEURON_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more


def output(*command, **options):
    options.setdefault("env", clean_environment())
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix") / "a b"  # a blank in the path must not hurt
    output("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def library_folder(prefix):
    return next(prefix.rglob("libtrainstone.so.0")).parent


def test_command_and_library(prefix):
    command = prefix / "bin/trainstone"
    assert output(command, "--version").split()[-1] == "0.1.0" or "0.1.0" in output(command, "--version")
    library = library_folder(prefix) / "libtrainstone.so"
    assert "soname: [libtrainstone.so.0]" in output("readelf", "-d", library)
    build = str(BUILD)
    for path in (command, library.resolve()):
        assert build not in output("readelf", "-d", path), f"{path} names the build folder"


@pytest.mark.skipif(not shutil.which("pkg-config"), reason="no pkg-config")
def test_c_program_by_pkg_config(prefix, tmp_path):
    source, program = tmp_path / "user.c", tmp_path / "user"
    source.write_text(C_PROGRAM)
    found = clean_environment(PKG_CONFIG_PATH=str(library_folder(prefix) / "pkgconfig"))
    assert output("pkg-config", "--modversion", "trainstone", env=found).strip() == "0.1.0"
    # The shell takes the quoting apart, as it does for users.
    output("sh", "-c", f"eval cc {source} -o {program} $(pkg-config --cflags --libs trainstone)", env=found)
    run = clean_environment(LD_LIBRARY_PATH=str(library_folder(prefix)))
    assert output(program, env=run) == "0.1.0 0\n"


def test_c_program_by_cmake(prefix, tmp_path):
    (tmp_path / "user.c").write_text(C_PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_PROJECT)
    output("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    output("cmake", "--build", tmp_path / "build")
    assert output(tmp_path / "build/user") == "0.1.0 0\n"


def test_python_package_of_the_prefix(prefix):
    packages = next(prefix.rglob("site-packages"))
    env = clean_environment(PYTHONPATH=str(packages), JAX_PLATFORMS="neuron")
    code = "import trainstone, trainstone.library as l; print(trainstone.__file__); print(l.path())" + STEP
    assert output(sys.executable, "-c", NKI, env=env) == "neuronxcc.nki\n"
    lines = output(sys.executable, "-c", code, env=env).split("\n")
    assert lines[0].startswith(str(packages)) and lines[1].startswith(str(prefix)) and lines[2] == "128.0"


def test_pages_and_completion(prefix):
    pages = {path.name for path in (prefix / "share/man/man1").iterdir()}
    verbs = output(prefix / "bin/trainstone", "--help").split("\nVerbs\n")[1].split("\n\n")[0]
    assert pages == {"trainstone.1"} | {f"trainstone-{line.split()[0]}.1" for line in verbs.splitlines()}
    assert (prefix / "share/bash-completion/completions/trainstone").is_file()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built with tools of an environment of its own, from PyPI when this one lacks them."""
    folder = tmp_path_factory.mktemp("wheel")
    output(sys.executable, "-m", "venv", folder / "tools")
    python = folder / "tools/bin/python"
    output(python, "-m", "pip", "install", "-q", "scikit-build-core>=0.10")
    launcher = {"CMAKE_C_COMPILER_LAUNCHER": "ccache"} if shutil.which("ccache") else {}
    output(python, "-m", "pip", "wheel", ROOT, "--no-deps", "--no-build-isolation", "-q", "-w", folder / "dist",
           f"-Cbuild-dir={folder / 'build'}", env=clean_environment(**launcher))
    return next((folder / "dist").glob("*.whl"))


def test_wheel_in_a_clean_environment(wheel, tmp_path):
    assert wheel.name.startswith(f"trainstone-0.1.0-cp{sys.version_info[0]}{sys.version_info[1]}-")
    output(sys.executable, "-m", "venv", tmp_path / "clean")
    python = tmp_path / "clean/bin/python"
    pinned = [line for line in (ROOT / "tools/requirements.txt").read_text().splitlines()
              if line.startswith(("jax", "numpy", "ml_dtypes"))]
    output(python, "-m", "pip", "install", "-q", wheel, *pinned)
    where = {"cwd": tmp_path, "env": clean_environment(JAX_PLATFORMS="neuron")}
    assert output(python, "-c", STEP, **where) == "128.0\n"
    assert "site-packages" in output(python, "-c", "import trainstone.library as l; print(l.path())", **where)
    assert output(python, "-c", NKI, **where) == "neuronxcc.nki\n"
    path = clean_environment(PATH=f"{tmp_path / 'clean/bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert output("sh", "-c", "command -v trainstone", env=path).strip() == str(tmp_path / "clean/bin/trainstone")
    assert "0.1.0" in output("sh", "-c", "trainstone --version", env=path)
    names = output(python, "-c", "import importlib.metadata as m; print([e.value for e in "
                   "m.entry_points(group='jax_plugins') if e.name == 'trainstone'])", **where)
    assert names == "['jax_plugins.trainstone']\n"
