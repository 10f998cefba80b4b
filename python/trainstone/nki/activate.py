"""Importing this module makes `neuronxcc.nki` and `nki` importable; kernels written for them then run on Trainstone.

An installed neuronxcc, or AWS's own nki, takes precedence unless TRAINSTONE_OVERRIDE=1.
"""

import importlib
import importlib.util
import logging
import os
import sys
import types

from trainstone.nki import (collectives, control, dtypes, kernel, names_absent, names_compiler, names_isa,
                            names_isa_beta1, names_language)
from trainstone.nki.kernel import decorator


def is_real(name):
    """Whether a distribution of AWS's provides the name."""
    if name in sys.modules:
        return not hasattr(sys.modules[name], "__trainstone__")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    return name != "nki" or importlib.util.find_spec("nki.compiler") is not None


def _module(name, *sources, **names):
    module = types.ModuleType(name)
    module.__trainstone__ = True
    module.__path__ = []
    for source in sources:
        for key, value in vars(source).items():
            if not key.startswith("__"):
                setattr(module, key, value)
    for key, value in names.items():
        setattr(module, key, value)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)
    return module


def _entries(dialect):
    return {
        "jit": decorator("auto", dialect), "trace": decorator("trace", dialect),
        "baremetal": decorator("baremetal", dialect), "benchmark": decorator("benchmark", dialect),
        "profile": decorator("profile", dialect), "simulate_kernel": kernel.simulate_kernel,
        "tensor": names_language.tensor, "simulate": kernel.simulate, "cpu_simulate": kernel.simulate,
        "__version__": "0.0+trainstone",
    }


def _install(root, dialect, isa):
    _module(root, **_entries(dialect))
    _module(f"{root}.language", names_language, **names_absent.of_language())
    _module(f"{root}.isa", isa, **(names_absent.of_isa() if dialect == "new" else names_absent.of_isa_beta1()))
    _module(f"{root}.isa.constants", importlib.import_module("trainstone.nki.constants"))
    _module(f"{root}.compiler", names_compiler)
    _module(f"{root}.typing", tensor=names_language.tensor, mutable_tensor=names_language.mutable_tensor,
            mutable=names_language.mutable, scalar=control.scalar)
    _module(f"{root}.dtype", names_language)
    _module(f"{root}.language.constants", sizeinbytes=lambda dtype: dtypes.dtype_of(dtype).itemsize)


def activate():
    if not hasattr(logging, "OFF"):
        logging.OFF = logging.CRITICAL + 10  # what scripts of the Neuron SDK name
    is_asked = os.environ.get("TRAINSTONE_OVERRIDE") == "1"
    if is_asked or not is_real("neuronxcc"):
        _module("neuronxcc")
        _install("neuronxcc.nki", "beta1", names_isa_beta1)
        _module("neuronxcc.nki.nccl", collectives)
        _module("neuronxcc.nki.nccl.collectives", collectives)
        _module("neuronxcc.nki._private")
        _module("neuronxcc.nki._private.private_api", core_barrier=names_isa.core_barrier, sendrecv=names_isa.sendrecv,
                do_while=control.do_while)
        if not is_real("torch_neuronx"):
            _module("torch_neuronx", nki_jit=decorator("auto", "beta1"))
    if is_asked or not is_real("nki"):
        _install("nki", "new", names_isa)
        _module("nki.collectives", collectives)


activate()
