"""Real programs as JAX hands them over: every one is read, and the training steps run.

TRAINSTONE_PROGRAMS names a folder of .mlirbc files; without it, an archive beside the checkout is unpacked. Skipped
when there is neither.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/models"))
import cli  # noqa: E402

ARCHIVE = ROOT.parent / "shared/reference/programs.tar.zst"
RUN = re.compile(r"(control|mlp.*|tlm|tlm_bf16|tlm_decode|tlm_scan)\.jit_.*")
DTYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "i32": np.int32, "ui32": np.uint32, "i1": np.bool_}


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


def arguments_of(path):
    """Arrays for @main of the .mlir text beside a program: small values, labels and tokens in range."""
    text = path.with_suffix(".mlir").read_text()
    signature = re.search(r"func\.func public @main\((.*?)\) ->", text, re.S)[1]
    random = np.random.default_rng(0)
    for match in re.finditer(r"%arg\d+: tensor<((?:\d+x)*)(\w+)>", signature):
        shape = tuple(int(n) for n in match[1].split("x") if n)
        dtype = DTYPES[match[2]]
        if np.dtype(dtype).kind in "iu":
            yield random.integers(0, 8, shape).astype(dtype)
        else:
            yield (0.1 * random.standard_normal(shape) ** 2 + 0.01).astype(dtype)


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


def test_training_steps_run(folder, tmp_path):
    programs = [p for p in sorted(folder.glob("*.mlirbc")) if RUN.fullmatch(p.stem)]
    assert len(programs) >= 3
    failed = []
    for path in programs:
        compiled, out = tmp_path / f"{path.stem}.trn", tmp_path / path.stem
        done = cli.trainstone("compile", path, "-o", compiled)
        if done.returncode == 0:
            inputs = cli.write_inputs(tuple(arguments_of(path)), tmp_path / f"{path.stem}.in")
            done = cli.trainstone("run", compiled, "--input", *inputs, "--out", out)
        if done.returncode != 0:
            failed.append(f"{path.name}: {done.stderr.strip()[:300]}")
            continue
        for file in sorted(out.glob("output_*.npy")):
            array = np.load(file)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                failed.append(f"{path.name}: {file.name} is not finite")
    assert not failed, "\n".join(failed)
