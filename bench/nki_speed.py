"""How fast kernels run: seconds for a whole call, recording, planning, values and clock.

usage: nki_speed.py [--turns 7] [--json FILE] [--beside FILE]

The kernels are the lessons' (examples/nki). Beside two of them stands what an interpreter in NumPy needs for the same
instructions, values only: each tile an array, each instruction a call that reads whole tiles and writes one. FILE is a
Python module with an interpreter of one's own, whose matmul(at, b, c) and softmax(x, y) leave at.T @ b and
the softmax of x's rows in their last argument.

Times are CPU seconds of one thread on one CPU, the least of several calls. Two that are compared take turns, where each
finds that the other has used the caches; and are then called alone, several times in a row, blocks of each in
turn. Last they are called so with as many threads as each takes by itself, on all CPUs of the process: wall
seconds.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

ONE_THREAD = {"TRAINSTONE_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
IS_WALL = "--wall" in sys.argv
if not IS_WALL and any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):  # before NumPy reads them
    os.environ.update(ONE_THREAD)
    os.execv(sys.executable, [sys.executable, *sys.argv])

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "examples/nki")]
import trainstone.nki.activate  # noqa: E402, F401
import nki  # noqa: E402
import nki.isa as nisa  # noqa: E402
import nki.language as nl  # noqa: E402

BF16 = ml_dtypes.bfloat16
TRIPS, CALLS, IN_A_ROW = 20000, 500, 16


# ---- an interpreter in NumPy ----

class NumpyChip:
    """Instructions as calls over arrays; a tile is an array [partitions, elements]."""

    def __init__(self):
        self.instructions = 0

    def tile(self, columns, rows=128):
        return np.zeros((rows, columns), np.float32)

    def move(self, dst, src):
        self.instructions += 1
        dst[...] = src

    def multiply(self, total, stationary, moving, is_first):
        self.instructions += 1
        product = stationary.T @ moving
        if is_first:
            total[...] = product
        else:
            total += product

    def activate(self, dst, function, src, bias=None, scale=1.0, total=None):
        self.instructions += 1
        moved = src * scale
        dst[...] = function(moved if bias is None else moved + bias)
        if total is not None:
            total[...] = dst.sum(1, keepdims=True)

    def reduce_max(self, dst, src):
        self.instructions += 1
        dst[...] = -src.max(1, keepdims=True)

    def scale(self, dst, src, by):
        self.instructions += 1
        np.multiply(src, by, out=dst)

    def invert(self, dst, src):
        self.instructions += 1
        np.divide(1.0, src, out=dst)


def numpy_matmul(a, b):
    """a.T @ b in the order of lesson 4's `blocked`."""
    chip, (depth, height), width = NumpyChip(), a.shape, b.shape[1]
    out, steps = np.empty((height, width), np.float32), depth // 128
    left, right = ([chip.tile(columns) for _ in range(steps)] for columns in (512, 512))
    total, tile = chip.tile(512), chip.tile(512)
    for m in range(0, height, 512):
        for k in range(steps):
            chip.move(left[k], a[128 * k:128 * k + 128, m:m + 512])
        for n in range(0, width, 512):
            for k in range(steps):
                chip.move(right[k], b[128 * k:128 * k + 128, n:n + 512])
            for i in range(0, 512, 128):
                for k in range(steps):
                    chip.multiply(total, left[k][:, i:i + 128], right[k], k == 0)
                chip.move(tile, total)
                chip.move(out[m + i:m + i + 128, n:n + 512], tile)
    return out


def numpy_softmax(x):
    """The instructions of lesson 3's `fused`."""
    chip, out = NumpyChip(), np.empty_like(x)
    block, powers, result = (chip.tile(x.shape[1]) for _ in range(3))
    low, total, scale = (chip.tile(1) for _ in range(3))
    for row in range(0, x.shape[0], 128):
        chip.move(block, x[row:row + 128])
        chip.reduce_max(low, block)
        chip.activate(powers, np.exp, block, low, total=total)
        chip.invert(scale, total)
        chip.scale(result, powers, scale)
        chip.move(out[row:row + 128], result)
    return out


# ---- measuring ----

def cpu_seconds(call):
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def least(turns, *calls):
    """The least CPU seconds of each call, with the calls in turns after an uncounted first one; and each call's last
    result."""
    results = [call() for call in calls]
    seconds = [float("inf")] * len(calls)
    for _ in range(turns):
        for i, call in enumerate(calls):
            results[i] = None  # frees its memory for the next call
            took, results[i] = cpu_seconds(call)
            seconds[i] = min(seconds[i], took)
    return seconds, results


def least_alone(blocks, clock, *calls):
    """The least seconds of each call by `clock`, in blocks of consecutive calls of which the first is not counted."""
    seconds = [float("inf")] * len(calls)
    for _ in range(blocks):
        for i, call in enumerate(calls):
            result = call()
            for _ in range(IN_A_ROW):
                result = None  # frees its memory for the next call
                start = clock()
                result = call()
                seconds[i] = min(seconds[i], clock() - start)
            del result
    return seconds


def random(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32).astype(dtype)


def recording_rate():
    """Instructions per second that Python issues, with three slices each, inside a kernel; recording only."""
    seconds = []

    @nki.jit
    def kernel(a):
        out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
        x, y = (nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf) for _ in range(2))
        nisa.dma_copy(dst=x, src=a)
        nisa.memset(y, 0.0)
        start = time.process_time()
        for i in range(TRIPS):
            at = i % 64
            nisa.tensor_tensor(dst=y[:, at:at + 64], data1=x[:, at:at + 64], data2=y[:, at:at + 64], op=nl.add)
        seconds.append(time.process_time() - start)
        nisa.dma_copy(dst=out, src=y)
        return out

    for _ in range(3):
        kernel(random(128, 128))
    return TRIPS / min(seconds)


@nki.jit
def addition(a, b):
    out = nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.shared_hbm)
    x, y = (nl.ndarray(a.shape, dtype=a.dtype, buffer=nl.sbuf) for _ in range(2))
    nisa.dma_copy(dst=x, src=a)
    nisa.dma_copy(dst=y, src=b)
    nisa.tensor_tensor(dst=x, data1=x, data2=y, op=nl.add)
    nisa.dma_copy(dst=out, src=x)
    return out


def call_rate(kernel):
    """Calls per second of a vector addition of 128 x 512."""
    a, b = random(128, 512), random(128, 512, seed=1)

    def calls():
        for _ in range(CALLS):
            kernel(a, b)
    (seconds,), _ = least(5, calls)
    return CALLS / seconds


def check(found, expected, tolerance):
    apart = np.abs(np.asarray(found, np.float32) - expected).max() / np.abs(expected).max()
    assert apart < tolerance, apart


def attention_of(q, k, v):
    scores = q.astype(np.float32).T @ k.astype(np.float32) * q.shape[0] ** -0.5
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True) @ v.astype(np.float32)


def free_large_arrays():
    """Lets malloc keep freed memory, for all contenders; otherwise every large temporary is mapped and cleared anew."""
    np.ones(6 << 20, np.float32)


def beside(path):
    """{kernel: the function of the module at `path` for it}; each leaves its result in an array of its own."""
    spec = importlib.util.spec_from_file_location("beside", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def of(function, shape):
        out = np.empty(shape, np.float32)

        def call(*arguments):
            function(*arguments, out)
            return out
        return call

    return {"product": of(module.matmul, (1024, 1024)), "softmax": of(module.softmax, (1024, 1024))}


def lessons_of(*names):
    return {name: importlib.import_module(name) for name in names}


def compared(others):
    """For each kernel with contenders: (name, kernel, arguments, {contender: its call}, factor for the number of
    calls)."""
    lessons = lessons_of("3_softmax", "4_matmul")
    a, b, x = random(1024, 1024), random(1024, 1024, seed=1), random(1024, 1024, seed=2)
    for name, kernel, arguments, theirs, often in (
            ("product 1024 cubed, fp32", lessons["4_matmul"].blocked, (a, b), numpy_matmul, 1),
            ("softmax 1024 x 1024", lessons["3_softmax"].fused, (x,), numpy_softmax, 8)):
        contenders = {"NumPy": theirs}
        if others:
            contenders["the module given"] = others[name.split()[0]]
        yield name, kernel, arguments, contenders, often


def compare_alone(turns, clock, others):
    """{name: seconds by the clock, or a ratio}, for consecutive calls."""
    free_large_arrays()
    found = {}
    for name, kernel, arguments, contenders, often in compared(others):
        calls = [lambda: kernel(*arguments), *(lambda call=call: call(*arguments) for call in contenders.values())]
        mine, *theirs = least_alone(turns * often, clock, *calls)
        found[name] = mine
        for contender, seconds in zip(contenders, theirs):
            found[f"{name}, in {contender}"] = seconds
            found[f"{name}: {contender} / ours"] = seconds / mine
    return found


def wall_seconds(arguments):
    """The result of compare_alone in a process whose threads are not limited."""
    limited = {name for name, value in ONE_THREAD.items() if os.environ.get(name) == value}
    env = {name: value for name, value in os.environ.items() if name not in limited}
    done = subprocess.run([sys.executable, __file__, "--wall", *arguments], env=env, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def measure(turns, others):
    """{name: value} in CPU seconds, ratios, or instructions per second; `others` as returned by `beside`."""
    lessons = lessons_of("4_matmul", "6_attention", "conv2d")
    found = {}
    q, k = random(128, 4096, dtype=BF16), random(128, 4096, dtype=BF16, seed=1)
    v = random(4096, 128, dtype=BF16, seed=2)
    (found["attention 4096 x 128, bf16"],), (result,) = least(turns, lambda: lessons["6_attention"].attention(q, k, v))
    check(result, attention_of(q, k, v), 3e-2)
    for name, dtype in (("bf16", BF16), ("fp32", np.float32)):
        a, b = random(1024, 2048, dtype=dtype), random(1024, 2048, dtype=dtype, seed=1)
        (seconds,), (result,) = least(turns, lambda: lessons["4_matmul"].blocked(a, b))
        found[f"product 2048 x 1024 x 2048, {name}"] = seconds
        check(result, a.astype(np.float32).T @ b.astype(np.float32), 2e-2)
    image, weights, bias = random(1, 256, 224, 224), random(256, 256, 3, 3, seed=1), random(256, seed=2)
    (found["convolution of CS149, fp32, 58 GFLOP"],), _ = least(
        1, lambda: lessons["conv2d"].fused_conv2d_maxpool(image, weights, bias))
    free_large_arrays()
    for name, kernel, arguments, contenders, often in compared(others):
        often *= 4 * turns
        for contender, call in contenders.items():  # one at a time: each evicts ours from the caches
            (mine, other), (one, another) = least(often, lambda: kernel(*arguments), lambda: call(*arguments))
            check(one, another, 1e-4)
            found[f"{name}, beside {contender}"], found[f"{name}, in {contender}"] = mine, other
            found[f"{name}: {contender} / ours"] = other / mine
        (found[f"{name}, recorded and planned alone"],), _ = least(often, lambda: kernel.record(arguments, {}))
    found["instructions a second from Python, three slices each"] = recording_rate()
    found["calls a second of a vector addition, 128 x 512"] = call_rate(addition)
    found["the same with nki.benchmark"] = call_rate(nki.benchmark(addition))
    return found


def tell(found):
    for name, value in found.items():
        text = f"{value:12,.0f}" if value > 1000 else f"{value:12.2f}" if "/" in name else f"{value:12.5f} s"
        print(f"{name:64} {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--beside", type=pathlib.Path, help="a module with another interpreter")
    parser.add_argument("--wall", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    others = arguments.beside and beside(arguments.beside)
    if IS_WALL:
        print(json.dumps(compare_alone(arguments.turns, time.perf_counter, others)))
        return
    cpus = len(os.sched_getaffinity(0))
    wall = wall_seconds(sys.argv[1:])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = measure(arguments.turns, others)
    found |= {f"{name}, alone": value 
              for name, value in compare_alone(arguments.turns, time.process_time, others).items()}
    found |= {f"{name}, alone, wall, {cpus} CPUs": value for name, value in wall.items()}
    tell(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
