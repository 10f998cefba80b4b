"""The public kernels that nki_kernels.py runs: the place of each, its inputs, and NumPy's results.

nki_cases.py alone lists them as JSON; nki_cases.py FOLDER NUMBER runs one and prints its result.
"""

import importlib.util
import json
import pathlib
import sys
import traceback
import types

import numpy as np

import nki_cases_blocks  # noqa: F401
import nki_cases_docs  # noqa: F401
import nki_cases_history  # noqa: F401
import nki_cases_library  # noqa: F401
import nki_cases_moe  # noqa: F401
import nki_cases_ranks  # noqa: F401
from nki_case import CASES


class _Anything(type):
    """Stands for anything in a missing package: class, decorator or value."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *args, **kwargs):
        return args[0] if len(args) == 1 and not kwargs and callable(args[0]) else cls

    def __getitem__(cls, item):
        return cls

    def __iter__(cls):
        return iter(())

    def __add__(cls, other):
        return cls

    __radd__ = __add__


Anything = _Anything("Anything", (), {})


class _Missing:
    """Import hook for torch and the like where they are not installed, and for the harness of nki-library's tests,
    which kernels' files import for their checks."""

    ROOTS = {"torch", "torch_xla", "pytest", "neuron_dtypes", "test"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.ROOTS:
            return importlib.util.spec_from_loader(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: getattr(Anything, name)
        return module

    def exec_module(self, module):
        pass


def stub_missing():
    sys.modules.pop("test", None)
    missing = _Missing()
    missing.ROOTS = {root for root in missing.ROOTS if root == "test" or importlib.util.find_spec(root) is None}
    sys.meta_path.insert(0, missing)


def load(folder, one):
    path = pathlib.Path(folder) / one["file"]
    if not path.is_file():
        raise FileNotFoundError(f"{one['file']} is not there")
    if one["module"]:
        sys.path.insert(0, str(pathlib.Path(folder) / "nki-library/src/nkilib_src"))
        return importlib.import_module(one["module"])
    sys.path[:0] = [str(path.parent), str(pathlib.Path(folder) / "nki-library/src")]
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def differs(found, expected, tolerance):
    """"" when found and expected agree, otherwise how far apart they are, relative to the largest expected value.

    If `expected` is a function, it takes what was found and returns the two values to compare.
    """
    if callable(expected):
        return differs(*expected(found), tolerance)
    if isinstance(expected, (tuple, list)):
        parts = [differs(one, other, tolerance) for one, other in zip(found, expected)]
        return next((part for part in parts if part), "")
    if expected is None:
        return ""
    found, expected = np.asarray(found).astype(np.float64), np.asarray(expected).astype(np.float64)
    if found.shape != expected.shape:
        return f"shape {found.shape}, expected {expected.shape}"
    apart = float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-30))
    return "" if apart <= tolerance else f"differs by {apart:.3g} of the largest value"


def run(folder, one):
    import os

    if one["arch"] != "gen2":
        os.environ["NEURON_PLATFORM_TARGET_OVERRIDE"] = {"gen3": "trn2", "gen4": "trn3"}[one["arch"]]
    stub_missing()
    import trainstone.nki.activate  # noqa: F401
    from trainstone.nki.kernel import Kernel, simulate_kernel
    from trainstone.nki.launch import on_ranks

    module = load(folder, one)
    kernel = getattr(module, one["caller"] or one["kernel"])
    arguments, keywords, expected = one["make"]()
    if one["call"]:
        kernel = one["call"](kernel)
    if one["grid"]:
        kernel = (kernel if isinstance(kernel, Kernel) else Kernel(kernel))[one["grid"]]
    try:
        if one["ranks"] > 1:
            found = on_ranks(kernel, one["ranks"], *arguments)
        elif isinstance(kernel, Kernel) or one["caller"]:
            found = kernel(*arguments, **keywords)
        else:
            found = simulate_kernel(kernel, *arguments, **keywords)
    except ValueError as error:
        if one["refused"] and one["refused"] in str(error):
            return {"state": "checked", "why": ""}
        raise
    if one["refused"]:
        return {"state": "fails", "why": "ran, and should be refused"}
    apart = differs(found, expected, one["tolerance"])
    if apart:
        return {"state": "fails", "why": apart}
    return {"state": "runs" if expected is None else "checked", "why": ""}


def main():
    if len(sys.argv) == 1:
        print(json.dumps([{key: one[key] for key in ("corpus", "file", "kernel", "arch", "grid", "ranks")}
                          for one in CASES]))
        return
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        result = run(sys.argv[1], CASES[int(sys.argv[2])])
    except BaseException as error:  # the exception of a kernel is its result
        lines = str(error).strip().splitlines() or [""]
        result = {"state": "fails", "why": f"{type(error).__name__}: {lines[0]}",
                  "trace": traceback.format_exc()[-1500:]}
    print(json.dumps(result), file=out)


if __name__ == "__main__":
    main()
