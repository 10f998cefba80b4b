"""The judge of the conformance cases: what it calls equal, and that it tells wrong answers from refusals."""

import argparse
import importlib.util
import json
import pathlib
import stat

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("conformance", ROOT / "tools" / "conformance.py")
conformance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conformance)


def differ(got, want, kind, check, tolerance=0):
    return conformance.differ(np.array(got), np.array(want), kind, check, tolerance)[0]


def f32(*words):
    return np.array(words, np.uint32).view(np.float32)


@pytest.mark.parametrize("tolerance,bad", [(3, 0), (2, 1)])
def test_close_counts_representable_numbers(tolerance, bad):
    assert differ(f32(0x3F800003), f32(0x3F800000), "f32", "close", tolerance) == bad
    # Through zero: one step below it, two above.
    assert differ(f32(0x80000001), f32(0x00000002), "f32", "close", tolerance) == bad


def test_close_wants_the_same_infinities_and_nans():
    inf, nan = np.float32(np.inf), np.float32(np.nan)
    assert differ([inf, nan], [inf, nan], "f32", "close", 3) == 0
    assert differ([inf], [np.float32(3.4028235e38)], "f32", "close", 3) == 1
    assert differ([nan], [inf], "f32", "close", 3) == 1


def test_almost_is_absolute():
    assert differ(np.float32([1.00005]), np.float32([1]), "f32", "almost", 1e-4) == 0
    assert differ(np.float32([1.0002]), np.float32([1]), "f32", "almost", 1e-4) == 1
    assert differ(np.float32([np.nan]), np.float32([1]), "f32", "almost", 1e-4) == 1


def test_almost_allows_what_floats_cannot_avoid():
    assert differ(np.float32([1e9]), np.float32([1e9 + 128]), "f32", "almost", 1e-4) == 0
    assert differ(np.float32([1e9]), np.float32([1e9 + 320]), "f32", "almost", 1e-4) == 1


def test_complex_numbers_by_their_size():
    assert differ(np.complex64([1 + 1e-7j]), np.complex64([1]), "complex<f32>", "close", 3) == 0
    assert differ(np.complex64([1 + 1e-6j]), np.complex64([1]), "complex<f32>", "close", 3) == 1
    assert differ(np.complex64([complex(np.inf, 0)]), np.complex64([1]), "complex<f32>", "close", 3) == 1


def test_transforms_by_their_largest():
    got, want = np.float32([1, 1e-7]), np.float32([1, 0])
    assert differ(got, want, "f32", "close", 3) == 1
    assert conformance.differ(got, want, "f32", "close", 3, is_sum=True)[0] == 0
    assert conformance.differ(np.float32([1, 1e-6]), want, "f32", "close", 3, is_sum=True)[0] == 1


def test_equal_is_by_value():
    assert differ(np.float32([-0.0]), np.float32([0.0]), "f32", "eq") == 0
    assert differ(np.float32([np.nan]), np.float32([np.nan]), "f32", "eq") == 1
    assert differ(np.int8([1, 2]), np.int8([1, 3]), "i8", "eq") == 1
    assert differ(np.complex64([1 + 2j]), np.complex64([1 + 3j]), "complex<f32>", "eq") == 1


def test_bits_are_read_as_their_type():
    one, next_up = ml_dtypes.bfloat16(1.0), ml_dtypes.bfloat16(1.0078125)
    bits = [np.array([x]).view(np.uint16) for x in (one, next_up)]
    assert differ(bits[0], bits[1], "bf16", "close", 1) == 0
    assert differ(bits[0], bits[1], "bf16", "almost", 1e-3) == 1
    assert conformance.element("tensor<2x3xcomplex<f32>>") == "complex<f32>"
    assert conformance.element("tensor<bf16>") == "bf16"


def case_in(folder, script):
    """A case that wants [1, 2], and a binary that does what the script says."""
    case = folder / "suite" / "add__0_main"
    case.mkdir(parents=True)
    output = {"index": 0, "process": 0, "file": "expected_0.npy", "type": "tensor<2xf32>", "check": "eq", "tol": 0}
    (case / "case.json").write_text(
        json.dumps({"inputs": [], "expected": [output], "num_partitions": 1, "num_replicas": 1})
    )
    (case / "program.mlir").write_text("module {}")
    np.save(case / "expected_0.npy", np.float32([1, 2]))
    np.save(folder / "good.npy", np.float32([1, 2]))
    np.save(folder / "bad.npy", np.float32([1, 3]))
    binary = folder / "trainstone"
    binary.write_text(f"#!/bin/sh\nout=$4\ncd {folder}\n{script}\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return case, argparse.Namespace(binary=binary, limit=5)


DONE = """mkdir $out && cp %s.npy $out/output_0.npy && echo '{"off_engine": []}'"""
REFUSED = ("""echo '{"error": {"kind": "%s", "op": "stablehlo.add", "where": "", "message": "m", "remedy": ""}}'; """
           "exit 1")


@pytest.mark.parametrize(
    "script,verdict",
    [
        (DONE % "good", "pass"),
        (DONE % "bad", "wrong"),
        ("""echo '{"off_engine": []}'""", "wrong"),
        (REFUSED % "unsupported", "refused"),
        (REFUSED % "input", "crash"),
        ("kill -SEGV $$", "crash"),
        ("exec sleep 20", "time-out"),
    ],
)
def test_verdicts_are_kept_apart(tmp_path, script, verdict):
    case, options = case_in(tmp_path, script)
    options.limit = 0.5 if verdict == "time-out" else 20
    assert conformance.run_case(case, options)["verdict"] == verdict


@pytest.mark.parametrize("second,why",
                         [("good", ""), ("bad", "output 0 of process 1: 1 of 2 f32 differ (eq)"),
                          ("", "missing")])
def test_every_process_is_judged(tmp_path, second, why):
    ranks = " && ".join(f"mkdir -p $out/rank_{i} && cp {name}.npy $out/rank_{i}/output_0.npy" 
                        for i, name in enumerate(["good", second]) if name)
    case, options = case_in(tmp_path, f"""{ranks} && echo '{{"off_engine": []}}'""")
    meta = json.loads((case / "case.json").read_text())
    meta["expected"].append(meta["expected"][0] | {"process": 1})
    meta["num_replicas"] = 2
    (case / "case.json").write_text(json.dumps(meta))
    result = conformance.run_case(case, options)
    assert result["verdict"] == ("wrong" if why else "pass") and why in result["why"]
    assert result["scope"].startswith("several processes")


def test_mean_is_over_operations_not_cases():
    results = [{"op": "add", "verdict": "pass"}] * 9 + [{"op": "sort", "verdict": "refused"}]
    assert conformance.mean_over_ops(results) == 0.5


def test_headline_counts_the_scopes_that_the_chip_answers_for():
    def case(op, scope, verdict):
        return {"op": op, "scope": scope, "verdict": verdict}

    results = [case("add", "native", "pass"), case("add", "native, i64 indices", "refused"),
               case("sort", "native", "pass"), case("fft", "complex", "wrong")]
    line = conformance.headline(results)
    assert "3 cases" in line and "2 operations" in line and "75.0 %" in line
    assert "all 4 cases: 1, 25.00 %" in line


def test_the_page_has_what_other_tools_write():
    page = (ROOT / "docs/conformance.md").read_text()
    assert "\n## By operation" in page and "\n## NKI\n" in page
    for mark in ("nki kernels", "nki rows"):  # tools/nki_kernels.py writes between them
        assert page.count(f"<!-- {mark} -->") == page.count(f"<!-- end of {mark} -->") == 1
