"""Small .trn programs in text form, written for the tests of the command, and a way to run it."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRAINSTONE_BUILD", ROOT / "build"))
COMMAND = BUILD / "trainstone"

# sum = x + y
ADD = """trn 1
program add chip=trn1
tensor x: input 0 f32[4,8]
tensor y: input 1 f32[4,8]
tensor sum: output 0 f32[4,8]
sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 8] src=hbm.f32[x +0 4@8 8]
sync.dma_copy queue=1 dst=sbuf.f32[p0:4 +32 8] src=hbm.f32[y +0 4@8 8]
vector.tensor_tensor dst=sbuf.f32[p0:4 +64 8] data1=sbuf.f32[p0:4 +0 8] data2=sbuf.f32[p0:4 +32 8] op=add
sync.dma_copy queue=0 dst=hbm.f32[sum +0 4@8 8] src=sbuf.f32[p0:4 +64 8]
"""

# Minutes of work on any host: what an interruption needs.
LONG = """trn 1
program long chip=trn1
tensor done: output 0 f32[128,1]
vector.memset dst=sbuf.f32[p0:128 +0 8192] value=1
loop %0 = 20000000
  vector.tensor_copy dst=sbuf.f32[p0:128 +32768 8192] src=sbuf.f32[p0:128 +0 8192]
end %0
sync.dma_copy queue=0 dst=hbm.f32[done +0 128] src=sbuf.f32[p0:128 +32768 1]
"""


def copy(dtype, shape, outputs=1):
    """A program of one input, copied to every output from HBM to HBM."""
    elems = 1
    for size in shape:
        elems *= size
    dims = ",".join(map(str, shape))
    tensors = "".join(f"tensor out{n}: output {n} {dtype}[{dims}]\n" for n in range(outputs))
    copies = "".join(f"sync.dma_copy queue=0 dst=hbm.{dtype}[out{n} +0 {elems}] src=hbm.{dtype}[value +0 {elems}]\n"
                     for n in range(outputs))
    return f"trn 1\nprogram copy chip=trn1\ntensor value: input 0 {dtype}[{dims}]\n{tensors}{copies}"


def trainstone(*arguments, cwd=None, timeout=120, **environment):
    """The finished command, with returncode, stdout and stderr."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("TRAINSTONE_", "NEURON_"))}
    env.update(environment)
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          stdin=subprocess.DEVNULL, env=env)
