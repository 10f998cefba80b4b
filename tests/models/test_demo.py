"""The job of `make demo`, its GPT trained for fewer steps: all three parts train, the figures beside them are whole."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_demo():
    env = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
    command = [sys.executable, ROOT / "tools/demo.py", "--gpt-steps", "60", "--further-steps", "25"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    # Sixty steps are too few for the GPT, and the demo says so; the digits must be read.
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr == "not reached: GPT's loss below 2.0\nnot reached: loss below 2.0 without Python\n"
    assert "\r" not in done.stdout and "\x1b" not in done.stdout
    digits, text, further = re.split(r"^\d\. ", done.stdout, flags=re.M)[1:]

    assert float(re.search(r"^test accuracy +([\d.]+)%$", digits, re.M)[1]) >= 97
    for part in (digits, text):
        assert float(re.search(r"^predicted +([\d.]+) (us|ms) a step", part, re.M)[1]) > 0
        for line in ("busy engines", "bottleneck", "cost", "this computer"):
            assert re.search(rf"^{line} +\S", part, re.M), line
        times = r"ETA \d+ s  wall \S+ \w+/step  predicted \S+ \w+/step"
        steps = re.findall(rf"^step +(\d+)/(\d+)  loss ([\d.]+).*  {times}$", part, re.M)
        assert len(steps) >= 6 and steps[-1][0] == steps[-1][1] and float(steps[-1][2]) < float(steps[0][2])

    start, end = map(float, re.search(r"^loss +([\d.]+) to ([\d.]+)", text, re.M).groups())
    assert 4.2 < start < 4.5 and end < 2.85  # logarithm of the vocabulary; letters alone, by frequency, leave 3.1
    assert 40 < len(re.search(r"^it writes +(The .*)$", text, re.M)[1]) <= 104
    # What the command continues with is what was trained, and it still learns.
    assert re.search(r"^25 steps; of 51 arguments 49 carried, 2 streamed$", further, re.M)
    first, last = map(float, re.search(r"^result 2  ([\d.]+) -> ([\d.]+)$", further, re.M).groups())
    assert first < 2.85 and last < 2.85
    assert float(re.search(r"^loss +([\d.]+) \(mean of the last 20 steps\)$", further, re.M)[1]) < min(end, 2.7)
    assert re.search(r"^one step +[\d.]+ ms", further, re.M) and re.search(r"^cost +\S", further, re.M)
