"""The main job of `make demo`: an ordinary JAX example trains on the modelled chip, and we watch.

The example knows nothing of Trainstone. This file adds a progress line with measured and predicted times, and at
the end what the chip would have been doing.
"""

import os
import pathlib
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "neuron")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples"))

import digits_mlp  # noqa: E402
import trainstone  # noqa: E402

GOAL = 0.97
PLAIN_EVERY = 33  # steps between lines when the output is not a terminal


def span(seconds):
    """A time in the unit that reads best."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


class Progress:
    """Called after each step; draws one line that is overwritten on a terminal, some lines otherwise."""

    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.live = stream.isatty()
        self.color = self.live and "NO_COLOR" not in os.environ
        self.start = self.last = time.perf_counter()
        self.first_step = 0.0  # compilation included
        self.predicted = 0.0
        self.steps = 0
        self.record = None

    def __call__(self, step, steps, loss, accuracy):
        now = time.perf_counter()
        wall, self.last = now - self.last, now
        self.record = trainstone.last_run()
        self.predicted += self.record["predicted_seconds"]
        self.steps = step
        if step == 1:
            self.first_step = wall
        average = (now - self.start - self.first_step) / (step - 1) if step > 1 else wall
        if self.live or step == 1 or step % PLAIN_EVERY == 0 or step == steps:
            reached = "     -" if accuracy is None else f"{accuracy:6.1%}"
            line = (f"step {step:3d}/{steps}  loss {loss:.4f}  accuracy {self.paint(reached)}  "
                    f"wall {span(average)}/step  predicted {span(self.record['predicted_seconds'])}/step  "
                    f"ETA {(steps - step) * average:.0f} s")
            self.stream.write(f"\r{line}\x1b[K" if self.live else line + "\n")
            self.stream.flush()

    def paint(self, text):
        return f"\x1b[32m{text}\x1b[0m" if self.color else text

    def close(self):
        if self.live:
            self.stream.write("\n")


def summary(progress, accuracy):
    record = progress.record
    wall = time.perf_counter() - progress.start
    busy = sorted(record["busy"].items(), key=lambda item: -item[1])
    share = ", ".join(f"{name} {value:.0%}" for name, value in busy if value >= 0.005)
    yield f"test accuracy    {accuracy:.2%}"
    yield (f"predicted        {span(record['predicted_seconds'])} a step on {record['instance']} "
           f"({span(record['predicted_seconds_low'])} to {span(record['predicted_seconds_high'])}), "
           f"{span(progress.predicted)} for {progress.steps} steps")
    yield f"busy engines     {share}"
    yield f"bottleneck       {record['bottleneck']}"
    yield f"cost             {progress.predicted / 3600 * record['usd_per_hour']:.2g} USD at {record['usd_per_hour']} USD an hour"
    yield f"this computer    {wall:.1f} s, of which {progress.first_step:.1f} s to compile the step"


def main():
    print("Training examples/digits_mlp.py on a modelled AWS Trainium chip.")
    progress = Progress()
    accuracy, _ = digits_mlp.main(progress=progress)
    progress.close()
    print("\n".join(summary(progress, accuracy)))
    if accuracy < GOAL:
        print(f"the example should reach {GOAL:.0%}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
