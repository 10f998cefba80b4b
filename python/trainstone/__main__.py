"""python -m trainstone script.py args... (or -m module args...): runs it on Trainstone and reports at the end."""

import os
import pathlib
import runpy
import sys

USAGE = """usage: python -m trainstone SCRIPT.py [ARGUMENT...]
       python -m trainstone -m MODULE [ARGUMENT...]

Runs the script with JAX on the modelled chip, then tells what the chip would have done.
TRAINSTONE_OUT names a folder for the record of the last program, last_run.json."""


def prepare():
    """Puts the modelled chip first among JAX's devices, with the CPU beside it."""
    os.environ.setdefault("TRAINSTONE_PLUGIN", "1")
    if not os.environ.get("JAX_PLATFORMS"):
        os.environ["JAX_PLATFORMS"] = "neuron,cpu"


def span(seconds):
    """A time in the unit that reads best."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def report(record):
    """The lines printed after the script's own output."""
    busy = sorted(record["busy"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {value:.0%}" for name, value in busy if value >= 0.005)
    yield f"trainstone: the last program, {record.get('program') or 'unnamed'}"
    yield (f"  predicted   {span(record['predicted_seconds'])} on {record.get('instance') or record.get('chip')} "
           f"({span(record['predicted_seconds_low'])} to {span(record['predicted_seconds_high'])})")
    yield f"  busy        {shares or 'nothing'}"
    yield f"  bottleneck  {record['bottleneck']}"
    yield f"  mfu         {record['mfu']:.2%}"
    if record.get("assumptions"):
        yield f"  leans on    {len(record['assumptions'])} assumed parameters"


def finish(stream):
    """Prints the report and writes the record, when the script ran anything on the chip."""
    from trainstone import library

    text = library.last_run_json()
    if text is None:
        print("trainstone: no program ran on the modelled chip", file=stream)
        return
    try:
        print("\n".join(report(library.last_run())), file=stream)
    except RuntimeError as error:
        print(f"trainstone: no prediction: {error}", file=stream)
    folder = os.environ.get("TRAINSTONE_OUT")
    if folder:
        path = pathlib.Path(folder) / "last_run.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".json.part")
        temporary.write_text(text + "\n")
        temporary.replace(path)
        print(f"  record      {path}", file=stream)


def run(arguments):
    """Runs the script or module as __main__ with its own sys.argv; SystemExit passes through."""
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
    runpy.run_path(arguments[0], run_name="__main__")


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    if not arguments or (arguments[0].startswith("-") and (arguments[0] != "-m" or len(arguments) < 2)):
        print(USAGE, file=sys.stderr)
        return 2
    from trainstone import library

    try:
        library.path()
    except FileNotFoundError as error:
        print(f"trainstone: {error}", file=sys.stderr)
        return 1
    if arguments[0] != "-m" and not os.path.exists(arguments[0]):
        print(f"trainstone: {arguments[0]}: no such file", file=sys.stderr)
        return 1
    prepare()
    try:
        run(arguments)
    finally:
        sys.stdout.flush()
        if not isinstance(sys.exc_info()[1], Exception):
            finish(sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
