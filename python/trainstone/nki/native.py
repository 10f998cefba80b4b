"""The extension module _nki and the tables of the chip's instructions, operators and functions."""

import importlib.machinery
import importlib.util
import json
import pathlib

from trainstone import library


def _load():
    library.load()  # first, because the extension looks the library up by name among those that are loaded
    path = library.path().with_name("_nki.so")
    if not path.is_file():
        raise ImportError(f"{path} is not there: Python's headers were missing when Trainstone was built. Install them "
                          "(Debian: python3-dev) and run make again")
    loader = importlib.machinery.ExtensionFileLoader("_nki", str(path))
    spec = importlib.util.spec_from_file_location("_nki", path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


ext = _load()
TABLES = json.loads(ext.tables())


class _Codes(dict):
    """Codes by name, with an error that names a missing row."""

    def __init__(self, rows, what):
        super().__init__((row["name"], row["code"]) for row in rows)
        self.what = what

    def __missing__(self, name):
        raise NotImplementedError(f"{self.what} {name} is not modelled on this chip")


OPS = _Codes(TABLES["instructions"], "instruction")
ALU = _Codes(TABLES["alu"], "operator")
ACT = _Codes(TABLES["act"], "activation function")
FIELDS = {row["name"]: [field["name"] for field in row["fields"]] for row in TABLES["instructions"]}
TENSOR, VECTOR, SCALAR, GPSIMD, SYNC = 1, 2, 3, 4, 5
SBUF, PSUM, HBM = 1, 2, 3
INPUT, OUTPUT, SCRATCH, CONSTANT = range(4)
FREE, PART, BLOCK = range(3)
LOOP_BEGIN, AFFINE_BEGIN, LOOP_TRIP, LOOP_END = range(4)
FOLDER = str(pathlib.Path(__file__).resolve().parent)


def _emitters():
    """A function for each instruction: takes the engine and the fields by name; an omitted field is zero."""
    made = {"emit": ext.emit}
    for row in TABLES["instructions"]:
        fields = [field["name"] for field in row["fields"]]
        given = "".join(f", {field}=None" for field in fields)
        passed = "".join(f", {field}" for field in fields)
        source = f"def {row['name']}(engine{given}):\n    emit({row['code']}, engine{passed})"
        exec(compile(source, __file__, "exec"), made)  # its lines count as this package's, not the kernel's
    return {row["name"]: made[row["name"]] for row in TABLES["instructions"]}


class Emit:
    """emit.tensor_copy(VECTOR, dst=..., src=...), for each row of isa.def."""

    def __getattr__(self, name):
        raise NotImplementedError(f"instruction {name} is not modelled on this chip")


EMIT = Emit()
vars(EMIT).update(_emitters())
