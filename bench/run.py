"""How fast the model itself runs: training steps on Trainstone and on XLA:CPU, interleaved, as ratios.

usage: run.py [--models mlp,gpt_tiny,gpt_d256] [--precisions fp32,bf16] [--rounds 3] [--seconds 2] [--threads 1]

Every figure is the least of all rounds. A ratio above 1 means that Trainstone needs less than XLA:CPU.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def measure(platform, model, precision, seconds, threads):
    """One run in a process of its own, bound to as many CPUs as it has threads; None when it fails."""
    env = {**os.environ, "JAX_PLATFORMS": platform, "TRAINSTONE_THREADS": str(threads)}
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:threads])
    done = subprocess.run(["taskset", "-c", cpus, sys.executable, HERE / "steps.py", model, precision, str(seconds)],
                          env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        print(f"{platform} {model} {precision}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def least(rows, key):
    return min(row[key] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="mlp,gpt_tiny,gpt_d256")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    head = ("model", "type", "XLA:CPU cpu s", "ours cpu s", "ratio", "XLA wall s", "ours wall s", "compile s",
            "instructions", "HBM MB", "predicted ms", "bottleneck")
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for model in options.models.split(","):
        for precision in options.precisions.split(","):
            rows = {"cpu": [], "neuron": []}
            for _ in range(options.rounds):
                for platform, kept in rows.items():
                    row = measure(platform, model, precision, options.seconds, options.threads)
                    kept.extend([row] if row else [])
            if not rows["cpu"] or not rows["neuron"]:
                print(f"| {model} | {precision} | failed |")
                continue
            theirs, ours, last = least(rows["cpu"], "cpu_seconds"), least(rows["neuron"], "cpu_seconds"), rows["neuron"][-1]
            print(f"| {model} | {precision} | {theirs:.4f} | {ours:.4f} | {theirs / ours:.2f} "
                  f"| {least(rows['cpu'], 'wall_seconds'):.4f} | {least(rows['neuron'], 'wall_seconds'):.4f} "
                  f"| {least(rows['neuron'], 'first_seconds'):.2f} | {last['instructions']:,} "
                  f"| {last['hbm_bytes'] / 1e6:,.1f} | {last['predicted_seconds'] * 1e3:.3f} | {last['bottleneck']} |",
                  flush=True)


if __name__ == "__main__":
    main()
