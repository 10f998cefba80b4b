"""Calls every public function of JAX's numpy, lax, nn, fft, linalg, scipy and stats modules that takes arrays, on the
modelled chip and on the CPU, and says what agrees, what is refused and what is not called.

A function is called with argument sets of few elements until two of them suit it on the CPU; what none suits (axes by
name, shapes as tuples, functions as arguments) is not called. Floats agree within 2e-5 of the largest element.

    tools/jax_functions.py [--only REGEX] [--page docs/jax.md]

Exit status 1: something is wrong."""

import argparse
import collections
import contextlib
import datetime
import inspect
import pathlib
import re
import signal
import sys
import warnings

import jax
import jax.scipy.special
import jax.scipy.stats
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUIT = 2  # argument sets for which a function is called
LIMIT, FLOOR = 2e-5, 1e-9  # of the largest element; absolute
SECONDS = 120  # for a call
# Not functions of arrays, or of this process's files and devices.
LEFT_OUT = {"save", "savez", "load", "fromfile", "fromfunction", "vectorize", "apply_along_axis",
            "debug_print", "array_repr",
            "printoptions", "infeed", "outfeed"}
# Vectors of theirs have a sign of their own.
SIGNS = {"eigh", "svd"}
VERDICTS = ("right", "refused", "wrong", "late")


def modules():
    scipy, stats = jax.scipy, jax.scipy.stats
    found = {"jax.numpy": jax.numpy, "jax.numpy.fft": jax.numpy.fft, "jax.numpy.linalg": jax.numpy.linalg,
             "jax.nn": jax.nn,
             "jax.lax": jax.lax, "jax.scipy.special": scipy.special, "jax.scipy.linalg": scipy.linalg,
             "jax.scipy.signal": scipy.signal, "jax.scipy.ndimage": scipy.ndimage}
    for name in sorted(dir(stats)):
        if inspect.ismodule(getattr(stats, name)) and not name.startswith("_"):
            found[f"jax.scipy.stats.{name}"] = getattr(stats, name)
    return found


def argument_sets():
    random = np.random.default_rng(0)
    f, g = (random.uniform(0.1, 0.9, (5, 6)).astype(np.float32) for _ in range(2))
    square = random.uniform(-1, 1, (6, 6)).astype(np.float32)
    v, w = (random.uniform(-1, 1, 7).astype(np.float32) for _ in range(2))
    i, b = random.integers(0, 5, (5, 6)).astype(np.int32), random.integers(0, 2, (5, 6)).astype(bool)
    c = (v + 1j * w).astype(np.complex64)
    return [(f,), (f, g), (v,), (v, w), (square,), (square, square), (i,), (i, i), (b,), (b, b), (c,),
            (c, c), (f, i[:, :1]),
            (f, 2), (f, g, f), (b, f, g), (v, 3), (f, 0.5), (v, w, v)]


@contextlib.contextmanager
def limit(seconds):
    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def call(function, arguments, device):
    with limit(SECONDS):
        arguments = [jax.device_put(x, device) for x in arguments]
        return [np.asarray(x) for x in jax.tree.leaves(jax.jit(lambda *a: function(*a))(*arguments))]


def apart(name, got, want):
    """None, or how an output differs."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if want.dtype.kind not in "fc":
        return None if np.array_equal(got, want) else f"{np.count_nonzero(got != want)} of {want.size} differ"
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(got)):
        return "is not finite in other places"
    got, want = got[finite], want[finite]
    if name in SIGNS:
        got, want = np.abs(got), np.abs(want)
    gap, size = np.max(np.abs(got - want), initial=0), np.max(np.abs(want), initial=0)
    return None if gap <= max(LIMIT * size, FLOOR) else f"{gap:.3g} apart, of {size:.3g} at most"


def judge(name, function, sets):
    """(verdict, what there is to say) of a function; None: no argument set suits it."""
    suited = 0
    for arguments in sets:
        try:
            want = call(function, arguments, jax.devices("cpu")[0])
        except Exception:
            continue
        if not want:
            continue
        suited += 1
        try:
            got = call(function, arguments, jax.devices("neuron")[0])
        except TimeoutError:
            return "late", f"not within {SECONDS} s"
        except Exception as error:
            return "refused", " ".join(str(error).split())
        for chip, cpu in zip(got, want, strict=True):
            problem = apart(name, chip, cpu)
            if problem:
                return "wrong", problem
        if suited == SUIT:
            break
    return ("right", "") if suited else None


def functions(module):
    for name in sorted(dir(module)):
        function = getattr(module, name)
        if not name.startswith("_") and callable(function) and not inspect.isclass(function) and name not in LEFT_OUT:
            yield name, function


def short(text):
    """A refusal without where it was, which is this file."""
    return re.sub(r" at \S+:\d+", "", text).replace("UNIMPLEMENTED: ", "").replace("|", "\\|")[:160]


def page(results, skipped):
    table = collections.defaultdict(collections.Counter)
    for (module, _), (verdict, _) in results.items():
        table[re.sub(r"(\.stats)\..*", r"\1", module)][verdict] += 1
    total = collections.Counter(verdict for verdict, _ in results.values())
    lines = [
        "# JAX, function by function",
        "",
        "Generated by `tools/jax_functions.py`, which calls every public function of these modules that "
        "takes arrays with two sets of",
        "a few elements each, of float32, int32, bool and complex64, on the modelled chip and on XLA:CPU, "
        "and compares: floats within",
        f"2e-5 of the largest element, all else exactly. {skipped} functions are not called, because none of "
        "the sets suits them (axes by",
        "name, shapes, functions as arguments).",
        "",
        f"Date: {datetime.date.today().isoformat()}, JAX {jax.__version__}. {len(results)} functions: "
        + ", ".join(f"{total[v]} {v}" for v in VERDICTS) + ".",
        "",
        "| module | called | " + " | ".join(VERDICTS) + " |",
        "|---|--:|" + "--:|" * len(VERDICTS),
    ]
    lines += [f"| `{m}` | {sum(c.values())} | " + " | ".join(str(c[v] or "") for v in VERDICTS) + " |" for m,
              c in table.items()]
    rest = [(m, n, v, text) for (m, n), (v, text) in results.items() if v != "right"]
    if rest:
        lines += ["", "| function | | why |", "|---|---|---|"]
        lines += [f"| `{m}.{n}` | {v} | {short(text)} |" for m, n, v, text in rest]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a regular expression that module.function must match")
    parser.add_argument("--page", type=pathlib.Path, help="write this page")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    results, skipped, sets = {}, 0, argument_sets()
    for module, held in modules().items():
        for name, function in functions(held):
            if not re.search(options.only, f"{module}.{name}"):
                continue
            found = judge(name, function, sets)
            if found is None:
                skipped += 1
                continue
            results[module, name] = found
            if found[0] != "right":
                print(f"{found[0]:8} {module}.{name}: {found[1][:200]}", flush=True)
    text = page(results, skipped)
    if options.page:
        options.page.write_text(text)
    else:
        print(text)
    return any(verdict == "wrong" for verdict, _ in results.values())


if __name__ == "__main__":
    sys.exit(main())
