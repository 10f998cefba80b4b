"""Real programs as JAX hands them over: every one is read, those for one device run and agree with XLA:CPU, and the
others say what they lack.

TRAINSTONE_PROGRAMS names a folder of .mlirbc files; without it, an archive beside the checkout is unpacked. Skipped
when there is neither.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys

import jax
import ml_dtypes
import numpy as np
import pytest
from jax._src.interpreters import mlir
from jax.extend import backend
from jaxlib import xla_client
from jaxlib.mlir.dialects import stablehlo

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/models"))
import cli  # noqa: E402

ARCHIVE = ROOT.parent / "shared/reference/programs.tar.zst"
# What their data types or operations exclude; each must say what is missing, and where in its user's source.
REFUSED = {
    "consts.jit__lambda": "i4",
    "misc.jit_f": "i4",
    "x64.jit__lambda": "f64",
}
DTYPES = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "i8": np.int8, "i16": np.int16,
          "i32": np.int32, "ui8": np.uint8, "ui32": np.uint32, "i1": np.bool_, "complex<f32>": np.complex64}
# (relative to the largest element, relative to the element), by the narrowest float of the program. fp32: sums in
# other orders and functions within 3 ULP, through a whole training step. 16 bits: fused values are not rounded where
# XLA rounds them, so that results part by a rounding or two of their size.
TOLERANCE = {"f32": (1e-5, 1e-4), "f16": (2e-3, 2e-2), "bf16": (2e-3, 2e-2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    given = os.environ.get("TRAINSTONE_PROGRAMS")
    if given:
        return pathlib.Path(given)
    if not ARCHIVE.exists():
        pytest.skip("no folder of programs: set TRAINSTONE_PROGRAMS")
    target = tmp_path_factory.mktemp("programs")
    subprocess.run(["tar", "-x", "--zstd", "-f", ARCHIVE, "-C", target], check=True)
    return target / "programs"


def is_for_several(path):
    sizes = re.findall(r"mhlo\.num_(?:partitions|replicas) = (\d+)", path.with_suffix(".mlir").read_text())
    return any(int(n) > 1 for n in sizes)


def arguments_of(path):
    """Arrays for @main of the .mlir text beside a program: small values, labels and tokens in range."""
    text = path.with_suffix(".mlir").read_text()
    signature = re.search(r"func\.func public @main\((.*?)\) ->", text, re.S)[1]
    random = np.random.default_rng(0)
    for match in re.finditer(r"%arg\d+: tensor<((?:\d+x)*)(complex<f32>|\w+)>", signature):
        shape = tuple(int(n) for n in match[1].split("x") if n)
        dtype = DTYPES[match[2]]
        if dtype == np.bool_:
            yield random.integers(0, 2, shape).astype(dtype)
        elif np.dtype(dtype).kind in "iu":
            yield random.integers(0, 8, shape).astype(dtype)
        else:
            yield np.asarray(0.1 * random.standard_normal(shape) ** 2 + 0.01).astype(dtype)


def run_on_cpu(path, arguments):
    """The same artifact compiled and run by JAX's CPU client."""
    client = backend.get_backend("cpu")
    context = mlir.make_ir_context()
    with context:
        module = stablehlo.deserialize_portable_artifact(context, path.read_bytes())
        code = mlir.module_to_bytecode(module)
    devices = client.local_devices()[:1]
    loaded = client.compile_and_load(code, xla_client.DeviceList(tuple(devices)), xla_client.CompileOptions())
    results = loaded.execute_sharded([jax.device_put(x, devices[0]) for x in arguments])
    return [np.asarray(out[0]) for out in results.disassemble_into_single_device_arrays()]


def narrowest_float(path):
    text = path.with_suffix(".mlir").read_text()
    return next((kind for kind in ("bf16", "f16") if re.search(rf"[<x]{kind}>", text)), "f32")


def disagreement(got, want, kind):
    """None, or how an output differs from XLA:CPU's."""
    if want.dtype == ml_dtypes.bfloat16:
        got = got.view(ml_dtypes.bfloat16)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "iub":
        return None if np.array_equal(got, want) else f"{np.count_nonzero(got != want)} of {want.size} differ"
    of_largest, of_each = TOLERANCE[kind]
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    got, want = got.astype(wide), want.astype(wide)
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(got)) or not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return "is not finite in other places"
    got, want = got[finite], want[finite]
    if want.size == 0:
        return None
    allowed = of_largest * np.max(np.abs(want)) + of_each * np.abs(want)
    worst = np.argmax(np.abs(got - want) - allowed)
    if np.abs(got - want)[worst] <= allowed[worst]:
        return None
    return f"{got[worst]:.9g}, not {want[worst]:.9g}, of {np.max(np.abs(want)):.3g} at most"


def test_every_program_is_read(folder):
    programs = sorted(folder.glob("*.mlirbc"))
    assert len(programs) > 50
    failed = []
    for path in programs:
        done = cli.trainstone("print", path)
        if done.returncode != 0 or "@main" not in done.stdout:
            failed.append(f"{path.name}: {done.stderr.strip()[:200]}")
    assert not failed, "\n".join(failed)


def ops_of_mlir(text):
    """Operations by name in MLIR's own text. `applies` is a region of one operation and a return."""
    start = r"^\s*(?:%[\w:#, %]+ = )?"
    counts = collections.Counter(re.findall(start + r'"?stablehlo\.(\w+)', text, re.M))
    counts.update(re.findall(start + r"(?:func\.)?(call|return)\b", text, re.M))
    for name in re.findall(start + r'"?sdy\.(\w+)', text, re.M):
        known = ("mesh", "return", "sharding_constraint", "manual_computation", "constant")
        counts[f"sdy_{name}" if name in known else "sdy_other"] += 1
    for name in re.findall(r"\bapplies stablehlo\.(\w+)", text):
        counts.update((name, "return"))
    return counts


def ops_of_print(text):
    """The same of the graph's text; casts between dialects stand in the bytecode only."""
    counts = collections.Counter(re.findall(r"^ *(?:%[\d, %]+ = )?([a-z]\w*)\b", text, re.M))
    for name in ("module", "func", "blob", "unrealized_conversion_cast"):
        del counts[name]
    return counts


def test_every_operation_is_read(folder):
    """Op counts of the printed graph equal those of the .mlir text, for every kind."""
    kinds, different = set(), []
    for path in sorted(folder.glob("*.mlirbc")):
        want = ops_of_mlir(path.with_suffix(".mlir").read_text())
        have = ops_of_print(cli.succeed("print", path))
        kinds |= set(want)
        different += [f"{path.name}: {kind}: {have[kind]} of {want[kind]}"
                      for kind in sorted(want | have) if have[kind] != want[kind]]
    assert len(kinds) > 70
    assert not different, "\n".join(different)


def test_programs_for_one_device_agree_with_xla(folder, tmp_path):
    programs = [p for p in sorted(folder.glob("*.mlirbc")) if p.stem not in REFUSED and not is_for_several(p)]
    assert len(programs) >= 80
    failed = []
    for path in programs:
        arguments, out = tuple(arguments_of(path)), tmp_path / path.stem
        inputs = cli.write_inputs(arguments, tmp_path / f"{path.stem}.in")
        done = cli.trainstone("run", path, *(["--input", *inputs] if inputs else []), "--out", out)
        if done.returncode != 0:
            failed.append(f"{path.name}: {done.stderr.strip()[:300]}")
            continue
        wants = run_on_cpu(path, arguments)
        assert len(list(out.glob("output_*.npy"))) == len(wants)
        for number, want in enumerate(wants):
            problem = disagreement(np.load(out / f"output_{number}.npy"), want, narrowest_float(path))
            if problem:
                failed.append(f"{path.name}: output {number} {problem}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_excluded_programs_say_what_is_missing(folder, tmp_path, name):
    done = cli.trainstone("compile", folder / f"{name}.mlirbc", "-o", tmp_path / "x.trn")
    assert done.returncode == 1 and "unsupported" in done.stderr
    assert REFUSED[name] in done.stderr
    assert re.search(r"suite\.py:\d+", done.stderr), done.stderr


def test_programs_for_several_devices_are_refused(folder, tmp_path):
    programs = [p for p in sorted(folder.glob("*.mlirbc")) if is_for_several(p)]
    assert len(programs) >= 5
    for path in programs:
        done = cli.trainstone("compile", path, "-o", tmp_path / "x.trn")
        assert done.returncode == 1 and "partitions" in done.stderr, f"{path.name}: {done.stderr}"
