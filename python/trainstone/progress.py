"""Progress lines on standard error about what runs on the chip."""

import atexit
import os
import sys
import threading

LONG = 2.0  # seconds after which a run or a compilation gets a line on a terminal
POLL = 0.5
EVERY = 5.0  # seconds between lines when the output is not a terminal


def mode():
    """TRAINSTONE_PROGRESS: 1 shows all runs, 0 none; unset shows long ones on a terminal."""
    asked = os.environ.get("TRAINSTONE_PROGRESS", "")
    if asked not in ("", "0", "1"):
        raise ValueError(f"TRAINSTONE_PROGRESS is {asked!r}; it must be 1 or 0")
    if asked:
        return "all" if asked == "1" else "none"
    return "long" if sys.stderr is not None and sys.stderr.isatty() else "none"


def span(seconds):
    """A time in a suitable unit."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def eta(core):
    """Estimated seconds until the current run ends, from its progress or else from earlier runs; None when unknown."""
    gone, done = core["run_host_seconds"], core["run_done"]
    if done:
        return max(gone * (1 - done) / done, 0)
    if core["program_runs"]:
        return max(core["program_host_seconds"] / core["program_runs"] - gone, 0)
    return None


def of_core(core, is_all):
    """The line about a core, or None when there is nothing worth showing."""
    runs, is_long = core["program_runs"], core["is_running"] and core["run_host_seconds"] >= LONG
    if not is_long and not (is_all and (runs or core["is_running"])):
        return None
    words = [f"{core['program']}: run {runs + 1}" if core["is_running"] else f"{core['program']}: {runs} runs"]
    if is_long:
        if core["run_done"]:
            words.append(f"{core['run_done']:.0%}")
        left = eta(core)
        words.append(f"since {core['run_host_seconds']:.0f} s" if left is None else f"ETA {left:.0f} s")
    if runs:
        words.append(f"wall {span(core['program_host_seconds'] / runs)}/run")
    if core["predicted_run_seconds"]:
        words.append(f"predicted {span(core['predicted_run_seconds'])}/run")
    return "  ".join(words)


def lines(status, is_all):
    """The lines about a status, which has the form of `trainstone top --json`."""
    seconds = status["compiling_seconds"]
    if seconds and seconds >= LONG:
        yield f"compiling since {seconds:.0f} s"
    for core in status["neuroncores"]:
        line = of_core(core, is_all)
        if line:
            yield line


class Teller(threading.Thread):
    """Polls the status. A daemon thread, stopped before the interpreter exits."""

    def __init__(self, status, stream, is_all, is_terminal):
        super().__init__(name="trainstone-progress", daemon=True)
        self.status, self.stream = status, stream
        self.is_all, self.is_terminal = is_all, is_terminal
        self.ended = threading.Event()

    def run(self):
        shown = ""
        while not self.ended.wait(POLL if self.is_terminal else EVERY):
            shown = self.look(shown)
        if not self.is_terminal:
            self.look(shown)
        elif shown:
            self.tell("")

    def look(self, shown):
        status = self.status()
        told = " | ".join(lines(status, self.is_all)) if status else ""
        if told != shown:
            self.tell(told)
        return told

    def tell(self, words):
        """Shows a line that the next one replaces, cut at the terminal's edge; on other streams, lines that stay."""
        try:
            if self.is_terminal:
                self.stream.write("\r\033[K" + (f"\033[?7ltrainstone: {words}\033[?7h" if words else ""))
            elif words:
                self.stream.write(f"trainstone: {words}\n")
            self.stream.flush()
        except (OSError, ValueError):  # the stream is closed
            self.ended.set()

    def stop(self):
        self.ended.set()
        if threading.current_thread() is not self:
            self.join(timeout=2)


def start(status):
    """Starts showing progress if the environment or a terminal asks for it. status() returns the process's status, or
    None."""
    wanted = mode()
    if wanted == "none":
        return None
    teller = Teller(status, sys.stderr, wanted == "all", sys.stderr.isatty())
    teller.start()
    atexit.register(teller.stop)
    return teller
