"""Makes the program of one partition from one that JAX passes for a whole mesh, by Shardy's passes in jaxlib.

Runs in a process of its own, started by __init__.py, because the passes end their process on anything unknown. Requests
come on stdin and answers go to stdout.
"""

import io
import os
import sys

from jaxlib.mlir import ir, passmanager
from jaxlib.mlir._mlir_libs import _jax_mlir_ext
from jaxlib.mlir.dialects import chlo, mhlo, sdy, stablehlo

from trainstone.partition import confine, describe, inline, loops, pipe, places, shardings, standins

# Propagation gives each value a sharding. Function arguments and results keep to whole, evenly dividing axes.
PROPAGATE = """symbol-dce,
    sdy-propagation-pipeline,
    sdy-update-non-divisible-input-output-shardings,
    sdy-remove-sub-axes-in-input-output-shardings"""
# Operands that an operation needs in another sharding get a collective.
COMMUNICATE = """func.func(sdy-insert-explicit-reshards{enable-full-version=true}),
    canonicalize{enable-patterns=sdy-reshard},
    func.func(sdy-reshard-to-collectives)"""
JOIN = "canonicalize{enable-patterns=sdy-collective}"  # a sliced sum becomes a reduce_scatter
LOCALIZE = "sdy-convert-global-to-local"
CLEAN = "sdy-drop-sharding-and-mesh, symbol-dce"
_OLDER = ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape")


def make_context():
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context = ir.Context()
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    for dialect in (sdy, chlo, stablehlo):
        dialect.register_dialect(context)
    mhlo.register_mhlo_dialect(context)
    return context


def partition(data):
    """Bytecode of the program of one partition."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.parse(data)
        inline.inline_calls(module)
        check_annotations(module)
        standins.hide_functions(module)
        _run(module, PROPAGATE)
        confine.confine(module)
        loops.outline(module)
        _run(module, COMMUNICATE)
        standins.keep_sums(module)
        _run(module, JOIN)
        hidden = standins.hide(module)
        _run(module, LOCALIZE)
        describe.describe(module)
        standins.restore(module, hidden)
        loops.restore(module)
        _run(module, CLEAN)
        describe.donate(module)
        describe.check(module)
        out = io.BytesIO()
        module.operation.write_bytecode(file=out)
    return out.getvalue()


def check_annotations(module):
    """Refuses annotations of JAX's older partitioner, which this one would ignore."""
    main = shardings.main(module)
    rows = [row for key in ("arg_attrs", "res_attrs") if key in main.attributes for row in main.attributes[key]]
    found = [op for op in shardings.operations(main.regions[0].blocks[0]) if op.name == "stablehlo.custom_call"
             and ir.StringAttr(op.attributes["call_target_name"]).value in _OLDER]
    if found or any("mhlo.sharding" in row for row in rows):
        where = places.words(found[0].location) if found else ""
        raise pipe.Refused(f"its shardings{where} are those of GSPMD, which jax_use_shardy_partitioner=False asks for")


def _run(module, passes):
    passmanager.PassManager.parse(f"builtin.module({passes})").run(module.operation)


def answer(data):
    try:
        return pipe.OK, partition(data)
    except pipe.Refused as error:
        return pipe.FAILED, str(error).encode()
    except ir.MLIRError as error:
        one = error.error_diagnostics[0] if error.error_diagnostics else error
        where = places.words(one.location) if error.error_diagnostics else ""
        return pipe.FAILED, f"{one.message}{where}".encode()
    except Exception as error:
        if os.environ.get("TRAINSTONE_DEBUG_PARTITION"):
            import traceback

            traceback.print_exc()
        return pipe.FAILED, repr(error).encode()


def main():
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a pass prints must not be taken for an answer
    while True:
        try:
            _, data = pipe.read(source)
        except EOFError:
            return
        pipe.write(sink, *answer(data))


if __name__ == "__main__":
    main()
