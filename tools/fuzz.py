"""Fuzzes what reads files: libFuzzer on a corpus seeded with real programs, then the coverage it reached.

usage: fuzz.py bytecode|text|compile|trn|json|npy|safetensors|chip --seconds N [--seeds FOLDER] [--build FOLDER]
               [--no-coverage]

bytecode fuzzes the StableHLO reader and then the compiler, text the graph's text form and the compiler, compile the
compiler with random graphs that are right by construction, trn the decoder, parser and verifier of programs, json, npy
and safetensors the readers of these formats, chip that of chip files and the clock of the chips they describe. Needs
clang, and llvm-profdata and llvm-cov of the same version for the coverage; run it with .venv/bin/python, whose jax
lowers the seeds. FOLDER holds further files of the target's format. The corpus stays in BUILD/corpus, so that the next
run goes on from there. Exit status 1: there is a finding, and BUILD/findings holds the bytes of each.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
READER = tuple(f"src/compiler/read/{name}.c" for name in (
    "bytecode", "bytecode_attr", "bytecode_cursor", "bytecode_ir", "bytecode_loc", "bytecode_sdy", "bytecode_type"))
GRAPH = tuple(f"src/compiler/graph/{name}.c" for name in (
    "graph", "graph_lex", "graph_parse", "graph_print", "graph_check", "check_contraction", "check_elementwise",
    "check_index", "check_region"))
TRN = tuple(f"src/arch/{name}.c" for name in (
    "decode", "encode", "parse", "parse_operand", "print", "structure", "trn_constant", "trn_scan", "verify",
    "verify_op", "verify_sync"))


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    max_bytes: int
    files: tuple  # files whose coverage is reported


TARGETS = {
    "bytecode": Target("fuzz_bytecode", 32768, READER + GRAPH),
    "text": Target("fuzz_hlo_text", 8192, GRAPH),
    "compile": Target("fuzz_compile", 256, ()),
    "trn": Target("fuzz_trn", 16384, TRN),
    "json": Target("fuzz_json", 4096, ("src/base/json_read.c",)),
    "npy": Target("fuzz_npy", 2048, ("src/base/npy.c",)),
    "safetensors": Target("fuzz_safetensors", 4096, ("src/base/safetensors.c",)),
    "chip": Target("fuzz_chip", 8192, ("src/arch/chip.c",)),
}


def say(text):
    print(f"fuzz: {text}", flush=True)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def find_tool(name):
    """The tool of clang's own version if there is one: formats of coverage data differ between versions."""
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    major = version.split("version ")[1].split(".")[0]
    return shutil.which(f"{name}-{major}") or shutil.which(name)


def build(folder, *targets, flags=""):
    say(f"building {', '.join(targets)} in {folder}")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    if not (folder / "CMakeCache.txt").exists():
        run("cmake", "--preset", "fuzz", "-B", folder, f"-DCMAKE_C_FLAGS={flags}", *generator, cwd=ROOT,
            stdout=subprocess.DEVNULL)
    command = ["cmake", "--build", folder, "--parallel", str(os.cpu_count() or 1), "--target", *targets]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"fuzz: the build failed\n{(done.stdout + done.stderr)[-4000:]}")


def bytecode_seeds(given, folder):
    """The programs of tests/fuzz/seeds.py, and the user's."""
    run(sys.executable, ROOT / "tests/fuzz/seeds.py", folder, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    for number, path in enumerate(sorted(given.rglob("*.mlirbc")) if given else ()):
        shutil.copy(path, folder / f"given.{number}.{path.name}")


def text_seeds(given, folder):
    """The compiler's own tests, and the user's."""
    for path in sorted((ROOT / "tests/compiler").glob("*.mlir")) + (sorted(given.rglob("*.mlir")) if given else []):
        shutil.copy(path, folder / path.name)


def compile_seeds(folder):
    """Random bytes, each of which is one choice (tests/fuzz/random_graph.h)."""
    chance = random.Random(1)
    for number in range(300):
        (folder / str(number)).write_bytes(chance.randbytes(chance.randrange(10, 120)))


def trn_seeds(given, folder, built):
    paths = [p for part in ("fuzz", "isa", "timing") for p in sorted((ROOT / "tests" / part).glob("*.trn"))]
    run(built / "tests/trn_seeds", folder, *paths, *(sorted(given.rglob("*.trn")) if given else ()))


def array_bytes(dtype, shape, order, version):
    """A .npy file with its header padded as NumPy pads it."""
    header = f"{{'descr': '{dtype}', 'fortran_order': {order == 'F'}, 'shape': {shape}, }}"
    preamble = 10 if version == 1 else 12
    header += " " * (-(preamble + len(header) + 1) % 64) + "\n"
    count = 1
    for size in shape:
        count *= size
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + bytes(count * int(dtype[2:]))


def npy_seeds(folder):
    rows = [("<f4", (2, 3), "C", 1), ("<f8", (), "C", 1), ("|u1", (5,), "C", 1), ("<f4", (2, 3, 4), "F", 1),
            ("<V2", (3, 0), "C", 2), ("|b1", (1,) * 32, "F", 3), ("<i8", (7,), "C", 2)]
    for number, row in enumerate(rows):
        (folder / str(number)).write_bytes(array_bytes(*row))


def safetensors_seeds(folder):
    headers = [{}, {"a": ["F32", [2, 3]]}, {"a": ["BF16", []], "b.c": ["I64", [0, 4]], "d": ["BOOL", [3]]}]
    for number, rows in enumerate(headers):
        header, at = {"__metadata__": {"k": "v"}}, 0
        for name, (dtype, shape) in rows.items():
            size = {"F32": 4, "BF16": 2, "I64": 8, "BOOL": 1}[dtype]
            for axis in shape:
                size *= axis
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        (folder / str(number)).write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))


def json_seeds(folder):
    values = [{"a": [1, -2.5e3, None, True, "\u00e9\n\ud83d\ude00"], "b": {}}, [[[]]], "x", 0, 9223372036854775807]
    for number, value in enumerate(values):
        (folder / str(number)).write_text(json.dumps(value))


def chip_seeds(folder):
    """A row of each unit, and all rows at once."""
    rows = []
    for line in (ROOT / "src/arch/chip.def").read_text().splitlines():
        if line.startswith("PARAM("):
            name, value = line[6:].split(",")[0].strip(), line.split('"')[2].split(",")[1].strip()
            rows.append(f"{name} = {value}\n")
    (folder / "all").write_text("chip trn1\n" + "".join(rows))
    for number, row in enumerate(rows):
        (folder / str(number)).write_text(("chip inf2\n" if number % 2 else "# what if\n\n") + row)


OWN_SEEDS = {"compile": compile_seeds, "npy": npy_seeds, "safetensors": safetensors_seeds, "json": json_seeds,
             "chip": chip_seeds}


def fuzz(target, built, corpus, seeds, findings, seconds):
    """Runs libFuzzer in one process. Returns the files with its findings."""
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    known = set(findings.iterdir())
    say(f"{target.name} for {seconds} s on {len(list(seeds.iterdir()))} seeds and a corpus of "
        f"{len(list(corpus.iterdir()))}")
    done = subprocess.run([built / "tests" / target.name, corpus, seeds, f"-max_total_time={seconds}", "-timeout=10",
                           "-rss_limit_mb=2048", f"-max_len={target.max_bytes}", "-print_final_stats=1",
                           f"-artifact_prefix={findings}/"], capture_output=True, text=True, errors="replace")
    for line in done.stderr.splitlines():
        if line.startswith(("stat::number_of_executed", "stat::average_exec", "SUMMARY", "==")) or "not so" in line:
            say(line.strip())
    found = sorted(set(findings.iterdir()) - known)
    if done.returncode != 0 and not found:
        print(done.stderr[-4000:])
    return done.returncode != 0, found


def coverage(target, built, folders):
    """Runs every input once in an instrumented build, and prints coverage of regions and branches by file."""
    profdata, cov = find_tool("llvm-profdata"), find_tool("llvm-cov")
    if not target.files:
        return
    if not profdata or not cov:
        say("no coverage: llvm-profdata and llvm-cov of clang's version are not installed")
        return
    build(built, target.name, flags="-fprofile-instr-generate -fcoverage-mapping")
    program, raw = built / "tests" / target.name, built / f"{target.name}.profraw"
    subprocess.run([program, "-runs=0", *folders], env={**os.environ, "LLVM_PROFILE_FILE": str(raw)},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    run(profdata, "merge", "-o", raw.with_suffix(".profdata"), raw)
    report = run(cov, "export", "-summary-only", f"-instr-profile={raw.with_suffix('.profdata')}", program,
                 capture_output=True, text=True).stdout
    print_coverage(json.loads(report)["data"][0]["files"], target.files)


def print_coverage(files, names):
    rows = {str(pathlib.Path(f["filename"]).relative_to(ROOT)): f["summary"] for f in files
            if pathlib.Path(f["filename"]).is_relative_to(ROOT)}
    others = tuple(name for name in names if name not in READER + GRAPH + TRN)
    groups = [("the bytecode reader", READER), ("the graph", GRAPH), ("programs", TRN), ("the reader", others)]
    print(f"{'file':44}{'regions':>16}{'branches':>18}")
    for title, group in groups:
        sums = {"regions": [0, 0], "branches": [0, 0]}
        for name in (n for n in group if n in names):
            cells = []
            for kind in sums:
                covered, count = rows[name][kind]["covered"], rows[name][kind]["count"]
                sums[kind][0] += covered
                sums[kind][1] += count
                cells.append(f"{covered:5} of {count:5} {100 * covered / max(count, 1):3.0f}%")
            print(f"{name:42}{cells[0]:>18}{cells[1]:>19}")
        if sums["regions"][1]:
            parts = [f"{100 * covered / count:.1f} % of {count} {kind}" for kind, (covered, count) in sums.items()]
            print(f"{title}: {', '.join(parts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seeds", type=pathlib.Path, help="a folder of further programs")
    parser.add_argument("--no-coverage", action="store_true", help="spare the second build, which counts")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-fuzz")
    options = parser.parse_args()
    if not shutil.which("clang"):
        sys.exit("fuzz: clang is not installed (on Debian: apt-get install clang llvm)")
    target, built = TARGETS[options.target], options.build.resolve()
    build(built, target.name, *(["trn_seeds"] if options.target == "trn" else []))
    seeds, corpus = built / "seeds" / options.target, built / "corpus" / options.target
    shutil.rmtree(seeds, ignore_errors=True)
    seeds.mkdir(parents=True)
    if options.target == "bytecode":
        bytecode_seeds(options.seeds, seeds)
    elif options.target == "text":
        text_seeds(options.seeds, seeds)
    elif options.target == "trn":
        trn_seeds(options.seeds, seeds, built)
    else:
        OWN_SEEDS[options.target](seeds)
        for path in sorted(options.seeds.iterdir()) if options.seeds else ():
            shutil.copy(path, seeds / f"given.{path.name}")
    failed, found = fuzz(target, built, corpus, seeds, built / "findings" / options.target, options.seconds)
    for path in found:
        say(f"finding: {path}")
    if not failed and not options.no_coverage:
        coverage(target, built.with_name(built.name + "-coverage"), (corpus, seeds))
    if not failed:
        say("no finding")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
