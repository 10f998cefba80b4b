"""Runs ready StableHLO cases on the modelled chip, one process a case, and says what was right.

A case is a folder with program.mlirbc, case.json (MLIR types, how each output is to be compared), input_*.npy and
expected_*.npy; any folder of such folders will do. Verdicts are kept apart: a refusal names what is not
supported and is honest, a wrong answer is the worst defect, a crash the second.

    tools/conformance.py CASES [--sample 0/10] [--only REGEX] [--jobs 2] [--limit 60] [--page docs/conformance.md]
"""

import argparse
import collections
import concurrent.futures
import datetime
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import zlib

import ml_dtypes
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]

# MLIR element type: the dtype of its values in .npy, and what the bits mean.
STORED = {
    "bf16": ml_dtypes.bfloat16,
    "f8E3M4": ml_dtypes.float8_e3m4,
    "f8E4M3": ml_dtypes.float8_e4m3,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "f8E4M3B11FNUZ": ml_dtypes.float8_e4m3b11fnuz,
    "f8E5M2": ml_dtypes.float8_e5m2,
    "f8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "f8E8M0FNU": ml_dtypes.float8_e8m0fnu,
}
NATIVE = {"f32", "bf16", "f16", "f8E4M3", "f8E4M3FN", "f8E5M2", "f8E3M4", "i8", "ui8", "i16", "ui16", "i32",
          "ui32", "i1"}
# The scopes that a chip without 64-bit, complex and dynamic data is expected to handle; others are listed but not
# averaged.
AIMED = ("native", "native, i64 indices")
VERDICTS = ("pass", "wrong", "refused", "crash", "time-out")
# `almost` allows this many ULP of fp32 where its absolute difference is less: floats may lie further apart than that.
ALMOST_STEPS = 3
REFUSALS = ("unsupported", "unspecified", "capacity")


def element(mlir_type):
    """The element type of "tensor<2x3xcomplex<f32>>"."""
    return re.fullmatch(r"tensor<(?:[\d?]+x)*(.*)>", mlir_type.strip()).group(1)


def values(array, kind):
    """An array's values: bits as their type."""
    return array.view(STORED[kind]) if kind in STORED else array


def steps_apart(a, b):
    """Representable numbers between finite a and b, for each element; both zeros are the same number."""
    bits = a.dtype.itemsize * 8

    def place(x):
        word = x.view(f"u{x.dtype.itemsize}").astype(object)
        half = 1 << (bits - 1)
        return np.where(word >= half, half - word, word)

    return np.abs(place(a) - place(b))


def spacings(distance, size, dtype):
    """Distances in units of the gap between floats of the type at these sizes."""
    return distance / np.spacing(np.maximum(size, np.finfo(dtype).tiny).astype(dtype)).astype(np.float64)


def differ(got, want, kind, check, tolerance, is_sum=False):
    """The number of elements that differ by more than the check allows, and the largest difference (None: not
    finite). A complex number's ULP is that of its absolute value. `is_sum`: each element is a sum of all, as of a
    Fourier transform, so that the ULP is that of the largest."""
    a, b = values(got, kind), values(want, kind)
    is_complex = np.issubdtype(a.dtype, np.complexfloating)
    if check == "eq" or np.issubdtype(a.dtype, np.integer) or a.dtype == np.bool_:
        return int(np.count_nonzero(~(a == b))), 0
    # Exact for every float type here, so finiteness and differences are those of the values.
    wide = np.complex128 if is_complex else np.float64
    x, y = a.astype(wide), b.astype(wide)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    finite = np.isfinite(x) & np.isfinite(y)
    with np.errstate(all="ignore"):
        gap, size = np.abs(x - y), np.abs(np.where(finite, y, 0))
        if check == "close" and not (is_complex or is_sum):
            gap = steps_apart(a, b)
        elif check == "close":
            part = np.float64 if a.dtype in (np.float64, np.complex128) else np.float32
            gap = spacings(gap, np.max(size, initial=0) if is_sum else size, part)
        else:
            tolerance = np.maximum(tolerance, ALMOST_STEPS * np.spacing(size.astype(np.float32)))
    good = same | (finite & (gap <= tolerance).astype(bool))
    is_bounded = np.all(same | finite)
    worst = float(np.max(np.where(finite, gap, 0))) if np.any(finite) else 0
    return int(np.count_nonzero(~good)), worst if is_bounded else None


def processes(meta):
    """The number of processes that run the program together."""
    return meta["num_partitions"] * meta["num_replicas"]


def judge(case, out, meta):
    """None when every expected array of every process exists and is close enough, else what is wrong."""
    for expected in meta["expected"]:
        index, kind = expected["index"], element(expected["type"])
        folder = out / f"rank_{expected['process']}" if processes(meta) > 1 else out
        path, name = folder / f"output_{index}.npy", f"output {index}"
        if processes(meta) > 1:
            name += f" of process {expected['process']}"
        if not path.exists():
            return f"{name} is missing"
        got, want = np.load(path), np.load(case / expected["file"])
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"{name} is {got.dtype}{list(got.shape)}, wanted {want.dtype}{list(want.shape)}"
        if want.size == 0:
            continue
        bad, worst = differ(np.atleast_1d(got), np.atleast_1d(want), kind, expected["check"], expected["tol"],
                            is_sum=op_of(case) == "fft")
        if bad:
            unit = {"close": " ULP", "almost": " apart"}.get(expected["check"])
            size = f", up to {worst:.4g}{unit}" if unit and worst is not None else ""
            return f"{name}: {bad} of {want.size} {kind} differ ({expected['check']}{size})"
    return None


def op_of(case):
    """What a case tests: its name without the number (interpret) or without types and shapes (testdata)."""
    if "__" in case.name:
        return case.name.split("__")[0]
    types = r"bfloat16|float16|float32|float64|float8\w*|u?int\d+|bool|complex64|complex128"
    return re.sub(rf"_({types})(_.*)?$", "", case.name)


def scope_of(case, meta):
    """The scope of a program, from its element types: those for which the chip has a datapath, or others."""
    text = (case / "program.mlir").read_text()
    text = re.sub(r"<\{.*?\}>", "", text)  # attributes: their types are not data
    kinds = set(re.findall(r"tensor<(?:[\d?]+x)*((?:complex<\w+>|!?[\w.]+))", text))
    several = "several processes, " if processes(meta) > 1 else ""
    if "tensor<?" in text or re.search(r"x\?x|\?x", text):
        return several + "dynamic shapes"
    if kinds & {"i2", "ui2", "i4", "ui4"}:
        return several + "sub-byte integers"
    if any(k.startswith("complex") for k in kinds):
        return several + "complex"
    if "f64" in kinds:
        return several + "f64"
    if kinds & {"i64", "ui64"}:
        return several + ("native, i64 indices" if kinds & (NATIVE - {"i1"}) else "i64 data")
    return several + ("native" if kinds <= NATIVE else "other types")


def reason(stdout, stderr):
    """Kind and message of a refusal."""
    try:
        error = json.loads(stdout)["error"]
        story = ": ".join(x for x in (error["op"], error["message"]) if x)
        return error["kind"], story
    except (ValueError, KeyError):
        lines = [line for line in stderr.splitlines() if line]
        return "none", lines[-1] if lines else ""


def run_case(case, options):
    meta = json.loads((case / "case.json").read_text())
    result = {"case": f"{case.parent.name}/{case.name}", "op": op_of(case), "scope": scope_of(case, meta)}
    inputs = [case / x["file"] for x in sorted(meta["inputs"], key=lambda x: (x["process"], x["index"]))]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = [options.binary, "run", case / "program.mlirbc", "--out", out, "--json", "--threads", "1"]
        command += ["--input", *inputs] if inputs else []
        command += ["--instance", "trn1.32xlarge"] if processes(meta) > 1 else []
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=options.limit)
        except subprocess.TimeoutExpired:
            return result | {"verdict": "time-out", "why": f"longer than {options.limit} s"}
        if done.returncode == 0:
            why = judge(case, out, meta)
            routines = json.loads(done.stdout)["off_engine"]
            return result | {"verdict": "wrong" if why else "pass", "why": why or "", "off_engine": routines}
    kind, story = reason(done.stdout, done.stderr)
    if done.returncode == 1 and kind in REFUSALS:
        return result | {"verdict": "refused", "why": f"{kind}: {story}"}
    # The programs are valid: calling one malformed is a defect of the reader, and an unknown exit code a crash.
    return result | {"verdict": "crash", "why": f"exit code {done.returncode}: {kind}: {story}"}


def chosen(folder, options):
    cases = sorted(path.parent for path in pathlib.Path(folder).rglob("case.json"))
    if options.sample:
        k, n = map(int, options.sample.split("/"))
        cases = [c for c in cases if zlib.crc32(f"{c.parent.name}/{c.name}".encode()) % n == k]
    if options.only:
        cases = [c for c in cases if re.search(options.only, f"{c.parent.name}/{c.name}")]
    return cases


def table(results, key):
    groups = collections.defaultdict(collections.Counter)
    for result in results:
        groups[result[key]][result["verdict"]] += 1
    return {name: groups[name] for name in sorted(groups)}


def rows(results, key):
    lines = [f"| {key} | cases | {' | '.join(VERDICTS)} | passed |", "|---|" + "--:|" * (len(VERDICTS) + 2)]
    for name, counts in table(results, key).items():
        total = sum(counts.values())
        cells = " | ".join(str(counts[v]) if counts[v] else "" for v in VERDICTS)
        lines.append(f"| {name} | {total} | {cells} | {100 * counts['pass'] / total:.0f} % |")
    return lines


def mean_over_ops(results):
    shares = [counts["pass"] / sum(counts.values()) for counts in table(results, "op").values()]
    return sum(shares) / len(shares) if shares else 0.0


def aimed(results):
    """The results within the scopes in AIMED."""
    return [r for r in results if r["scope"] in AIMED]


def headline(results):
    """The figure by which the project is measured, in words."""
    inside = aimed(results)
    wrong = sum(r["verdict"] in ("wrong", "crash", "time-out") for r in results)
    return (
        f"Of the {len(inside)} cases of native and i64-index scope, mean over their "
        f"{len(table(inside, 'op'))} operations of the share that passes: {100 * mean_over_ops(inside):.1f} "
        f"% (to hold: 80 %). Wrong, crashed or timed out, of all {len(results)} cases: {wrong}, "
        f"{100 * wrong / max(len(results), 1):.2f} % (to hold: 0.2 %)."
    )


def cause(why):
    """A refusal without its names and numbers, so that equal ones are counted together."""
    return re.sub(r"\b\d+\b", "N", re.sub(r'"[^"]*"|%\w+', "*", why)).strip()


def page(results, command):
    total = collections.Counter(r["verdict"] for r in results)
    off = [r for r in results if r["verdict"] == "pass" and r["off_engine"]]
    lines = [
        "# Conformance",
        "",
        "Generated by `tools/conformance.py`, which runs ready StableHLO cases (those of the StableHLO project's own",
        "interpreter and test data) through `trainstone run`, one process each, and compares the outputs by "
        "the suite's rules:",
        "`eq` exactly, `almost` within an absolute difference, or 3 ULP of fp32 where that is more, `close` "
        "within 3 ULP. A",
        "complex number's ULP is that of its absolute value; that of a Fourier transform, of which each "
        "element is a sum of all, is that of",
        "the largest. A refusal says by name what is not supported.",
        "",
        f"Date: {datetime.date.today().isoformat()}. Command: `{command}`.",
        "",
        f"{len(results)} cases: " + ", ".join(f"{total[v]} {v}" for v in VERDICTS) + ".",
        "",
        headline(results),
        "",
        f"Over all scopes, f64, complex and 64-bit data included: mean over {len(table(results, 'op'))} operations"
        f" {100 * mean_over_ops(results):.1f} %.",
        f"In {total['pass'] - len(off)} of the {total['pass']} that pass every element was written by a "
        f"documented engine instruction; in {len(off)} a `gpsimd_*` or `host_*` routine took part.",
        "",
        "## By element types",
        *rows(results, "scope"),
        "",
        "## Wrong answers, crashes and time-outs",
    ]
    bad = [r for r in results if r["verdict"] in ("wrong", "crash", "time-out")]
    lines += [f"- {r['verdict']}: `{r['case']}`: {r['why']}" for r in bad] or ["None."]
    lines += ["", "## Refusals", "| cases | what is refused |", "|--:|---|"]
    refusals = collections.Counter(cause(r["why"]) for r in results if r["verdict"] == "refused")
    lines += [f"| {count} | {why.replace('|', '/')} |" 
              for why, count in sorted(refusals.items(), key=lambda x: (-x[1], x[0]))]
    lines += ["", "## By operation, native and i64-index cases", *rows(aimed(results), "op")]
    others = [r for r in results if r["scope"] not in AIMED]
    lines += ["", "## By operation, all other cases", *rows(others, "op")]
    return "".join(line.encode("ascii", "replace").decode() + "\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", help="a folder that holds case folders at any depth")
    parser.add_argument("--binary", default=str(ROOT / "build" / "trainstone"))
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a case may take")
    parser.add_argument("--sample", help="K/N: the K-th of N disjoint samples")
    parser.add_argument("--only", help="cases whose name this regular expression finds")
    parser.add_argument("--page", help="write this Markdown page")
    parser.add_argument("--json", help="write every verdict here")
    options = parser.parse_args()
    cases = chosen(options.cases, options)
    if not cases:
        sys.exit(f"{options.cases}: no case.json in it that was asked for")
    if not pathlib.Path(options.binary).exists():
        sys.exit(f"{options.binary}: not built yet (make)")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda case: run_case(case, options), cases))
    for result in results:
        if result["verdict"] in ("wrong", "crash", "time-out"):
            print(f"{result['verdict']:8} {result['case']}: {result['why']}")
    total = collections.Counter(r["verdict"] for r in results)
    print(f"{len(results)} cases: " + ", ".join(f"{total[v]} {v}" for v in VERDICTS), end="; ")
    print(f"mean over operations {100 * mean_over_ops(results):.1f} %")
    print(headline(results))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    if options.page:
        words = ["tools/conformance.py", "CASES", *(x for x in ("--sample", options.sample) if options.sample)]
        path = pathlib.Path(options.page)
        _, mark, others = path.read_text().partition("\n## NKI\n") if path.exists() else ("", "", "")
        # The page's NKI part is not about these cases.
        path.write_text(page(results, shlex.join(words)) + mark + others)
    sys.exit(1 if total["wrong"] + total["crash"] + total["time-out"] else 0)


if __name__ == "__main__":
    main()
