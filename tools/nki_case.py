"""The registry of nki_kernels.py's cases, and inputs that many of them share."""

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
CASES = []
SAMPLES, SDK, OLD = "nki-samples/src/nki_samples/tutorials", "aws-neuron-sdk/nki/examples", "sdk-v2.26.1/nki/examples"
LIBRARY = "nki-library/src/nkilib_src/nkilib"


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(*shape, dtype=np.float32, seed=0, scale=1.0):
    return (rng(seed).standard_normal(shape) * scale).astype(dtype)


def case(corpus, file, kernel, make, arch="gen2", tolerance=1e-2, grid=None, module=None, caller=None, refused=None,
         call=None, ranks=1):
    """Registers a case. make() returns (arguments, keyword arguments, expected); expected is None, an array, or a tuple
    of these.

    caller is the function of the file that launches the kernel, if the repository has one; call(kernel) makes a
    callable of something that is not a kernel by itself. refused is what the error must say for a kernel that is an
    example of an error. On several ranks the only argument is a function of rank_id that returns the arguments by name,
    and expected is a list with the result of each rank.
    """
    CASES.append({"corpus": corpus, "file": file, "kernel": kernel, "make": make, "arch": arch, "grid": grid,
                  "tolerance": tolerance, "module": module, "caller": caller, "refused": refused,
                  "call": call, "ranks": ranks})
