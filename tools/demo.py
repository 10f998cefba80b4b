"""The main job of `make demo`: ordinary JAX examples train on the modelled chip, and we watch.

First a convolutional network reads digits, then a GPT learns to write, then the command trains that GPT further without
Python. The examples know nothing of Trainstone. This file adds a progress line with measured and predicted times, and
what the chip would have been doing.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("JAX_PLATFORMS", "neuron")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

import digits_cnn  # noqa: E402
import gpt_text  # noqa: E402
import numpy as np  # noqa: E402
import trainstone  # noqa: E402
from trainstone import library  # noqa: E402
from trainstone.__main__ import span  # noqa: E402

ACCURACY, LOSS = 0.97, 2.0  # required results
PLAIN_LINES = 6  # lines when the output is not a terminal


class Progress:
    """Called after each step; draws one line that is overwritten on a terminal, or some lines elsewhere."""

    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.live = stream.isatty()
        self.color = self.live and "NO_COLOR" not in os.environ
        self.start = self.last = time.perf_counter()

    def __call__(self, step, steps, loss, accuracy=None):
        self.last = time.perf_counter()
        if step == 1:
            self.record = trainstone.last_run()  # time does not depend on data, so this record is that of every step
            self.first_step = self.last - self.start  # including compilation
            self.steps, self.first_loss = steps, loss
        average = (self.last - self.start - self.first_step) / (step - 1) if step > 1 else self.first_step
        every = -(-steps // PLAIN_LINES)
        if self.live or step in (1, steps) or step % every == 0 and steps - step >= every // 2:
            reached = "" if accuracy is None else f"  accuracy {self.paint(f'{accuracy:.1%}')}"
            line = (f"step {step:3d}/{steps}  loss {loss:.4f}{reached}  ETA {(steps - step) * average:.0f} s  "
                    f"wall {span(average)}/step  predicted {span(self.record['predicted_seconds'])}/step")
            # On a terminal that is too narrow, the line is cut instead of wrapped.
            self.stream.write(f"\r\x1b[?7l{line}\x1b[K\x1b[?7h" + "\n" * (step == steps) if self.live else line + "\n")
            self.stream.flush()

    def paint(self, text):
        return f"\x1b[32m{text}\x1b[0m" if self.color else text

    def report(self):
        record = self.record
        total = self.steps * record["predicted_seconds"]
        busy = sorted(record["busy"].items(), key=lambda item: -item[1])
        share = ", ".join(f"{name} {value:.0%}" for name, value in busy if value >= 0.005)
        print(f"predicted        {span(record['predicted_seconds'])} a step on {record['instance']} "
              f"({span(record['predicted_seconds_low'])} to {span(record['predicted_seconds_high'])}), "
              f"{span(total)} for {self.steps} steps")
        print(f"busy engines     {share}")
        print(f"bottleneck       {record['bottleneck']}")
        rate = record["usd_per_hour"]
        print(f"cost             {total / 3600 * rate:.2g} USD at {rate} USD an hour")
        print(f"this computer    {self.last - self.start:.1f} s, of which {self.first_step:.1f} s to compile the step")


def train_digits():
    print("1. A convolutional network reads digits: examples/digits_cnn.py on a modelled AWS Trainium chip", flush=True)
    progress = Progress()
    accuracy, _ = digits_cnn.main(progress)
    print(f"test accuracy    {accuracy:.2%}")
    progress.report()
    return accuracy >= ACCURACY


def train_text(steps):
    """(whether the loss is low enough, parameters, Adam's state)."""
    print("\n2. A GPT learns to write: examples/gpt_text.py", flush=True)
    progress = Progress()
    loss, line, *trained = gpt_text.main(progress, steps)
    print(f"loss             {progress.first_loss:.3f} to {loss:.3f} (mean of the last {min(20, steps)} steps)")
    print(f"it writes        {line}")
    progress.report()
    return loss < LOSS, trained


def train_without_python(steps, params, state):
    """Exports one step of the GPT with its trained state; the command continues from there."""
    print("\n3. The same GPT trains further without Python: trainstone.export, then", flush=True)
    tokens, _ = gpt_text.load_text()
    streams = [np.stack(parts) for parts in zip(*gpt_text.batches(tokens, steps, seed=1))]
    command = ["trainstone", "run", "gpt.mlirbc", "--steps", str(steps), "--stream", "tokens=tokens.npy",
               "targets=targets.npy", "--save", "gpt-final.safetensors", "--out", "out"]
    print(f"$ {shlex.join(command)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="trainstone-demo-") as folder:
        folder = pathlib.Path(folder)
        batch = [stream[0] for stream in streams]
        manifest = trainstone.export(gpt_text.train_step, params, state, *batch, path=folder / "gpt")
        for name, array in zip(("tokens", "targets"), streams):
            np.save(folder / f"{name}.npy", array)
        subprocess.run([library.path().parent / command[0], *command[1:]], cwd=folder, check=True)
        assert (folder / "gpt-final.safetensors").is_file()
        losses = np.load(folder / f"out/output_{len(manifest['carry'])}.npy")
    loss = float(np.mean(losses[-20:]))
    print(f"\nloss             {loss:.3f} (mean of the last {min(20, steps)} steps)")
    return loss < LOSS


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gpt-steps", type=int, default=gpt_text.STEPS, metavar="N")
    parser.add_argument("--further-steps", type=int, default=60, metavar="N")
    options = parser.parse_args()
    reads = train_digits()
    writes, trained = train_text(options.gpt_steps)
    goes_on = train_without_python(options.further_steps, *trained)
    for is_met, goal in ((reads, f"test accuracy {ACCURACY:.0%}"), (writes, f"GPT's loss below {LOSS}"),
                         (goes_on, f"loss below {LOSS} without Python")):
        if not is_met:
            print(f"not reached: {goal}", file=sys.stderr)
    return 0 if reads and writes and goes_on else 1


if __name__ == "__main__":
    sys.exit(main())
