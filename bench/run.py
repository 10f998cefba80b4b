"""How fast the model itself runs: training steps on Trainstone, on XLA:CPU and in PyTorch, in turns.

Every step runs in a process of its own (worker.py), bound to as many CPUs as it has threads. The processes of one model
take turns, so that other load slows all alike, and a time is the least of all turns: CPU seconds with one thread, wall
seconds with more. A ratio is the peer's time over Trainstone's: above 1, Trainstone needs less.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import select
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PEERS = {"neuron": "Trainstone", "cpu": "XLA:CPU", "torch": "PyTorch"}


class Worker:
    """One step in its process. After a failure, `status` says which, and all calls do nothing."""

    def __init__(self, peer, python, model, precision, threads, limit):
        self.key = {"peer": peer, "model": model, "precision": precision, "threads": threads}
        self.status, self.result, self.limit = "ok", {}, limit
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[-threads:])
        env = {**os.environ, "JAX_PLATFORMS": peer}
        self.process = subprocess.Popen(
            ["taskset", "-c", cpus, python, HERE / "worker.py", peer, model, precision], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.result |= self.answer(limit)

    def answer(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return self.fail(f"over {seconds:g} s")
        line = self.process.stdout.readline()
        return json.loads(line) if line else self.fail("failed", self.process.stderr.read())

    def fail(self, status, story=""):
        self.status = status
        if story:
            self.result["error"] = story.strip().splitlines()[-1]
        self.process.kill()
        return {}

    def turn(self, seconds):
        if self.status != "ok":
            return
        print(seconds, file=self.process.stdin, flush=True)
        answer = self.answer(self.limit)
        for key in ("wall_seconds", "cpu_seconds"):
            if key in answer:
                self.result[key] = min(answer[key], self.result.get(key, answer[key]))
        self.result["steps"] = self.result.get("steps", 0) + answer.get("steps", 0)

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        today = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        return {"date": today, **self.key, "status": self.status, **self.result}


def measure(pythons, model, precision, threads, options):
    """One row for each peer."""
    print(f"{model} {precision}, {threads} threads", file=sys.stderr, flush=True)
    workers = [Worker(peer, python, model, precision, threads, options.limit) for peer, python in pythons.items()]
    for _ in range(options.turns):
        for worker in workers:
            worker.turn(options.seconds)
    return {worker.key["peer"]: worker.close() for worker in workers}


# ---- tables ----


def table(title, head, rows):
    print(f"\n{title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def time_of(row, key):
    return f"{row[key]:.4f}" if row["status"] == "ok" else row["status"]


def ratio(theirs, ours, value):
    if theirs["status"] != "ok" or ours["status"] != "ok":
        return "-"
    return f"{value(theirs) / value(ours):.2f}"


def steps_table(measured, threads):
    key = "cpu_seconds" if threads == 1 else "wall_seconds"
    title = "Step, CPU seconds of one thread" if threads == 1 else f"Step, wall seconds of {threads} threads"
    peers = [peer for peer in PEERS if any(peer in rows for rows in measured)]
    others = [peer for peer in peers if peer != "neuron"]
    head = ["model", "type", *(PEERS[peer] for peer in peers), *(f"ratio to {PEERS[peer]}" for peer in others)]
    table(title, head, (
        [rows["neuron"]["model"], rows["neuron"]["precision"], *(time_of(rows[peer], key) for peer in peers),
         *(ratio(rows[peer], rows["neuron"], lambda row: row[key]) for peer in others)]
        for rows in measured))


def first_call(row):
    """What the first call takes beyond a step: compilation, and preparations of the first run."""
    return row["compile_cpu_seconds"] + row["first_run_cpu_seconds"] - row["cpu_seconds"]


def compile_table(measured):
    def shown(row, value):
        return f"{value(row):.3f}" if row["status"] == "ok" else row["status"]

    table("Compilation, CPU seconds: the compiler alone, and the first call less a step",
          ["model", "type", "Trainstone", "XLA:CPU", "ratio", "first call, Trainstone", "first call, XLA:CPU", "ratio",
           "clock"],
          ([ours["model"], ours["precision"],
            *(text for value in (lambda row: row["compile_cpu_seconds"], first_call)
              for text in (shown(ours, value), shown(theirs, value), ratio(theirs, ours, value))),
            shown(ours, lambda row: row["clock_cpu_seconds"])]
           for ours, theirs in ((rows["neuron"], rows["cpu"]) for rows in measured)))


def chip_row(row):
    """What the chip would do in a step. HBM traffic is also given relative to what a step must move at least once:
    weights, the optimizer's state, and what autodiff saves."""
    return {
        "model": row["model"], "type": row["precision"], "instructions": row["instructions"],
        "nc_matmul": row["ops"].get("nc_matmul", 0), "transposes": row["ops"].get("nc_transpose", 0),
        "DMA": row["dma_transfers"], "HBM MB": round(row["hbm_bytes"] / 1e6, 1),
        "by state and saved": round(row["hbm_bytes"] / (row["state_bytes"] + row["saved_bytes"]), 1),
        "predicted ms": round(row["predicted_seconds"] * 1e3, 3), "MFU %": round(100 * row["mfu"], 1),
        "bottleneck": row["bottleneck"]}


def chip_rows(measured):
    return [chip_row(rows["neuron"]) for rows in measured if rows["neuron"]["status"] == "ok"]


def chip_table(measured):
    rows = chip_rows(measured)
    if rows:
        table("The chip's step", list(rows[0]),
              ([f"{cell:,}" if isinstance(cell, (int, float)) else cell for cell in row.values()] for row in rows))


def write_csv(path, measured):
    rows = chip_rows(measured)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# ---- main ----


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="mlp,resnet20,gpt_d256,lstm,gpt2_124m")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--threads", default="1,2", help="how many threads, one table each")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of a turn; at least one step")
    parser.add_argument("--limit", type=float, default=300, help="seconds for compiling and the first step, or a turn")
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    parser.add_argument("--json", metavar="FILE", help="append every result as a line of JSON")
    parser.add_argument("--read", metavar="FILE", help="print the tables of such a file, and run nothing")
    parser.add_argument("--csv", metavar="FILE", help="write the table of the chip's steps")
    return parser.parse_args()


def measured_now(options):
    pythons = {"neuron": sys.executable, "cpu": sys.executable}
    if options.torch:
        pythons["torch"] = options.torch
    for threads in options.threads.split(","):
        for model in options.models.split(","):
            for precision in options.precisions.split(","):
                for row in measure(pythons, model, precision, int(threads), options).values():
                    if row["status"] != "ok":
                        print(f"  {PEERS[row['peer']]}: {row['status']}: {row.get('error', '')}", file=sys.stderr)
                    yield row


def main():
    options = arguments()
    if options.read:
        rows = [json.loads(line) for line in open(options.read)]
    else:
        rows = []
        for row in measured_now(options):
            rows.append(row)
            if options.json:
                with open(options.json, "a") as file:
                    print(json.dumps(row), file=file)
    # When a result was measured twice, the later one counts.
    by_threads = {}
    for row in rows:
        by_threads.setdefault(row["threads"], {}).setdefault((row["model"], row["precision"]), {})[row["peer"]] = row
    for threads, measured in by_threads.items():
        steps_table(measured.values(), threads)
    first = next(iter(by_threads.values())).values()
    compile_table(first)
    chip_table(first)
    if options.csv:
        write_csv(options.csv, first)


if __name__ == "__main__":
    main()
