"""Writes a function and its arguments to files with which `trainstone run` executes steps without Python."""

import inspect
import json
import os
import pathlib
import re

FORMAT = 1
VERSION = "1.13.0"  # version of StableHLO that the compiler reads

# The names of dtypes in the .safetensors format.
STORED = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "complex64": "C64",
}


def export(fn, *args, path, carry=None):
    """Writes path.mlirbc, path.safetensors and path.json; returns what path.json holds, as a dict.

    fn(*args) is one step, such as step(state, batch) -> (state, loss). args are trees of arrays; leaves that are
    jax.ShapeDtypeStruct have no value and must be streamed when the program runs.

    carry says which results are arguments of the next step: {out path: arg path}. A path names a leaf or a whole
    subtree, as "0.params" or "[0]['params']"; an argument's begins with its parameter's name or its position, a
    result's with its place in what fn returns. By default a result is carried to the argument of equal path, so that
    step(state, batch) -> (state, loss) carries its state. ValueError when a path fits two arguments, or when only
    a part of a subtree has the types that carrying needs.

    Of a function over a mesh path.mlirbc is the program of one NeuronCore; the other files tell of whole arrays.

        trainstone.export(step, state, batch, path="step")
        $ trainstone run step.mlirbc --steps 100 --stream batch=batches.npy --save final.safetensors
    """
    import jax
    import jax.export

    kernels = jax.export.DisabledSafetyCheck.custom_call("AwsNeuronCustomNativeKernel")  # NKI kernels, as they are
    try:
        exported = jax.export.export(jax.jit(fn, keep_unused=True), platforms=["neuron"],
                                     disabled_checks=[kernels])(*args)
    except NotImplementedError as error:
        if "host_callbacks" not in str(error):
            raise
        raise NotImplementedError("the program calls Python functions, which no file can hold: leave out "
                                  "jax.debug.print and callbacks") from error
    leaves = jax.tree_util.tree_leaves_with_path(args)
    arguments = [_Leaf(paths, aval) for paths, aval in
                 zip(_argument_paths(fn, args, leaves), exported.in_avals, strict=True)]
    outputs = [_Leaf(paths, aval) for paths, aval in zip(_output_paths(exported), exported.out_avals, strict=True)]
    for leaf in arguments + outputs:
        if sum(other.name == leaf.name for other in (arguments if leaf in arguments else outputs)) > 1:
            raise ValueError(f"two leaves have the path {leaf.name!r}: rename a key that contains a dot")
    pairs = _default_carry(outputs, arguments) if carry is None else _given_carry(carry, outputs, arguments)
    manifest = {
        "trainstone": FORMAT,
        "arguments": [leaf.describe() for leaf in arguments],
        "outputs": [leaf.describe() for leaf in outputs],
        "carry": {out.name: arg.name for out, arg in pairs},
    }
    tensors = [(leaf, _value(value, leaf.aval)) for leaf, (_, value) in zip(arguments, leaves, strict=True)]
    stem = _stem(path)
    _write(f"{stem}.mlirbc", _program(exported))
    _write(f"{stem}.safetensors", _safetensors([(leaf, value) for leaf, value in tensors if value is not None]))
    _write(f"{stem}.json", (json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


class _Leaf:
    """An argument or result: its type, and the paths that name it, of which the first is its name."""

    def __init__(self, paths, aval):
        self.paths = paths
        self.aval = aval
        self.name = ".".join(paths[0])

    def type(self):
        return self.aval.shape, self.aval.dtype

    def describe(self):
        return {"name": self.name, "dtype": str(self.aval.dtype), "shape": list(self.aval.shape)}

    def __str__(self):
        return f"{self.name} ({self.aval.str_short()})"


# ---- paths ----


def _parts(keys):
    """The parts of a path of JAX keys: dictionary keys, positions and field names."""
    parts = []
    for key in keys:
        for field in ("key", "idx", "name"):
            if hasattr(key, field):
                parts.append(str(getattr(key, field)))
                break
        else:
            parts.append(str(key))
    return tuple(parts)


def _read(path):
    """ "[0]['params'].w", "0.params.w" and 0 as parts."""
    def plain(match):
        return "." + next((group for group in match.groups() if group), "")

    text = re.sub(r"\[\s*(?:'([^']*)'|\"([^\"]*)\"|([^\]]*))\s*\]", plain, str(path))
    return tuple(part for part in text.split(".") if part)


def _parameters(fn, args):
    """For each positional argument, the parts that name it."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return [(str(i),) for i in range(len(args))]
    names = []
    for i in range(len(args)):
        at = min(i, len(parameters) - 1)
        is_rest = at >= 0 and parameters[at].kind is inspect.Parameter.VAR_POSITIONAL
        names.append((parameters[at].name, str(i - at)) if is_rest else (parameters[at].name,))
    return names


def _argument_paths(fn, args, leaves):
    """The paths of the arguments, by name and by position."""
    names = _parameters(fn, args)
    paths = []
    for keys, _ in leaves:
        first, *rest = _parts(keys)
        paths.append([names[int(first)] + tuple(rest), (first, *rest)])
    return paths


def _output_paths(exported):
    """The place of each result in what the function returns; a result that is not a tuple also counts as a tuple of
    one."""
    import jax

    count = exported.out_tree.num_leaves
    tree = jax.tree_util.tree_unflatten(exported.out_tree, range(count))
    is_tuple = type(tree) in (tuple, list)
    paths = []
    for keys, _ in jax.tree_util.tree_leaves_with_path(tree):
        parts = _parts(keys)
        paths.append([parts] if is_tuple else [parts, ("0", *parts)] if parts else [("0",)])
    return paths


# ---- carry ----


def _default_carry(outputs, arguments):
    pairs, heads, missing = [], set(), []
    for out in outputs:
        found = [(form, arg) for form, path in enumerate(out.paths) for arg in arguments if path in arg.paths]
        if len({arg.name for _, arg in found}) > 1:
            names = " and ".join(str(arg) for _, arg in found)
            raise ValueError(f"the result {out} could go to the arguments {names}: "
                             f"say which with carry={{{out.name!r}: ...}}")
        if found and found[0][1].type() == out.type():
            pairs.append((out, found[0][1]))
            heads |= {(form, out.paths[form][0]) for form, _ in found}
        else:
            missing.append((out, found))
    for out, found in missing:
        if any((form, path[0]) in heads for form, path in enumerate(out.paths)):
            why = f"the argument is {found[0][1]}" if found else "no argument has its path"
            raise ValueError(f"a part of the results is carried, but not {out}: {why}; give carry= or make them agree")
    return _distinct(pairs)


def _under(leaves, path, what):
    """(leaf, rest of its path) for the leaves at or below a path."""
    parts = _read(path)
    found = {}
    for leaf in leaves:
        for own in leaf.paths:
            if own[: len(parts)] == parts:
                found.setdefault(leaf.name, (leaf, own[len(parts):]))
    if not found:
        names = ", ".join(leaf.name for leaf in leaves[:12])
        raise ValueError(f"carry: no {what} has the path {path!r}; there are {names}")
    return list(found.values())


def _given_carry(carry, outputs, arguments):
    pairs = []
    for out_path, arg_path in carry.items():
        outs = _under(outputs, out_path, "result")
        args = {rest: arg for arg, rest in _under(arguments, arg_path, "argument")}
        for out, rest in outs:
            if rest not in args:
                raise ValueError(f"carry: the result {out} has no counterpart below the argument {arg_path!r}")
            arg = args.pop(rest)
            if arg.type() != out.type():
                raise ValueError(f"carry: the result {out} cannot become the argument {arg}: their types differ")
            pairs.append((out, arg))
        if args:
            raise ValueError(f"carry: no result below {out_path!r} becomes the argument {next(iter(args.values()))}")
    return _distinct(pairs)


def _distinct(pairs):
    for side, what in ((0, "result"), (1, "argument")):
        seen = {}
        for pair in pairs:
            other = seen.setdefault(pair[side].name, pair)
            if other is not pair:
                raise ValueError(f"carry: the {what} {pair[side]} comes twice, with {other[1 - side]} and "
                                 f"{pair[1 - side]}")
    return pairs


# ---- files ----


def _program(exported):
    """The program in the compiler's form; of a program for several NeuronCores, the program of one of them."""
    if exported.nr_devices == 1:
        return exported.mlir_module_serialized
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax
    from jaxlib.mlir.dialects import stablehlo

    from trainstone import partition

    with mlir.make_ir_context():
        local = partition.local_module(_jax.mlir.deserialize_portable_artifact(exported.mlir_module_serialized))
        return stablehlo.serialize_portable_artifact(local, VERSION)


def _value(leaf, aval):
    """A leaf as a NumPy array of the program's dtype; None when it has no value."""
    import jax
    import numpy as np

    if isinstance(leaf, jax.ShapeDtypeStruct):
        return None
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        raise ValueError("a typed random key has no form in a file: pass jax.random.key_data(key) and wrap it inside")
    if str(aval.dtype) not in STORED:
        raise ValueError(f".safetensors has no form for {aval.dtype}")
    return np.ascontiguousarray(np.asarray(leaf).astype(aval.dtype)).reshape(aval.shape)


def _safetensors(tensors):
    """Encodes the format: 8 bytes with the header's length, a JSON header, and the arrays one after the other."""
    header, at = {}, 0
    for leaf, value in tensors:
        header[leaf.name] = {"dtype": STORED[str(value.dtype)], "shape": list(value.shape),
                             "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(value.tobytes() for _, value in tensors)])


def _stem(path):
    text = os.fspath(path)
    return text[: -len(".mlirbc")] if text.endswith(".mlirbc") else text


def _write(path, data):
    """Writes a file completely or not at all."""
    temporary = pathlib.Path(f"{path}.new")
    temporary.write_bytes(data)
    os.replace(temporary, path)
