"""python -m trainstone script.py args... (or -m module args...): runs a script on Trainstone and reports at the end."""

import os
import pathlib
import runpy
import sys

from trainstone.progress import span

USAGE = """usage: python -m trainstone [--lint] SCRIPT.py [ARGUMENT...]
       python -m trainstone [--lint] -m MODULE [ARGUMENT...]

Runs the script with JAX and NKI on the modelled chip, then tells what the chip would have done.
With --lint an NKI kernel whose trips of affine_range depend on each other, that stores or adds up what nothing has
written, or that is written in Python which AWS's kernel compiler rejects, is an error.
TRAINSTONE_OUT names a folder for a record of every program that ran, which trainstone report opens, and for that of
the last one, last_run.json."""

OTHERS = 8  # programs beside the costliest that get a line each


def prepare():
    """Puts the modelled chip first among JAX's devices, with the CPU beside it, and neuron-profile on PATH."""
    os.environ.setdefault("TRAINSTONE_PLUGIN", "1")
    if not os.environ.get("JAX_PLATFORMS"):
        os.environ["JAX_PLATFORMS"] = "neuron,cpu"
    tools = pathlib.Path(__file__).resolve().parent / "bin"  # last, so that AWS's own neuron-profile goes first
    os.environ["PATH"] = os.pathsep.join(filter(None, (os.environ.get("PATH"), str(tools))))


def activate_nki():
    """Makes nki and neuronxcc.nki importable, where the extension module was built."""
    from trainstone import library

    if library.path().with_name("_nki.so").is_file():
        import trainstone.nki.activate  # noqa: F401


def be_strict():
    """Makes errors of what the kernel compiler refuses, although an unrolled recording could run it."""
    import warnings

    from trainstone.nki import lint
    from trainstone.nki.errors import NkiDependenceWarning, NkiUnsetWarning

    lint.turn_on()
    warnings.filterwarnings("error", category=NkiDependenceWarning)
    warnings.filterwarnings("error", category=NkiUnsetWarning)


def total(entry):
    """Predicted seconds of all runs of a program."""
    count, record = entry
    return count * record["predicted_seconds"]


def times(count):
    return "1 run" if count == 1 else f"{count} runs"


def report(runs):
    """The lines printed after the script's own output: the program that costs the chip most time, then the others."""
    timed = sorted((entry for entry in runs if "error" not in entry[1]), key=total, reverse=True)
    for _, record in runs:
        if "error" in record:
            yield f"trainstone: no prediction: {record['error']}"
    if not timed:
        return
    count, record = timed[0]
    busy = sorted(record["busy"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {value:.0%}" for name, value in busy if value >= 0.005)
    whole = span(sum(map(total, timed)))
    yield f"trainstone: {name_of(record)}, {times(count)}, {span(total(timed[0]))} of {whole} in all"
    yield (f"  predicted   {span(record['predicted_seconds'])} a run on {record.get('instance') or record.get('chip')} "
           f"({span(record['predicted_seconds_low'])} to {span(record['predicted_seconds_high'])})")
    yield f"  busy        {shares or 'nothing'}"
    yield f"  bottleneck  {record['bottleneck']}"
    if record.get("model_flops"):
        yield f"  mfu         {record['mfu']:.2%}"
    elif record.get("pe_flops"):
        yield f"  matmuls     {record['pe_flops'] / record['predicted_seconds'] / 1e12:.3g} TFLOP/s"
    if record.get("assumptions"):
        count = len(record["assumptions"])
        yield f"  leans on    {count} assumed parameter{'s' if count > 1 else ''}"
    for number, entry in enumerate(timed[1:1 + OTHERS]):
        yield f"  {'' if number else 'others':10s}  {name_of(entry[1])}, {times(entry[0])}, {span(total(entry))}"
    rest = timed[1 + OTHERS:]
    if rest:
        yield f"              {len(rest)} more, {times(sum(count for count, _ in rest))}, {span(sum(map(total, rest)))}"


def name_of(record):
    return record.get("program") or "unnamed"


def is_first():
    """Whether this process reports: of processes that run a program together, and so take the same time, only the first
    does."""
    return os.environ.get("NEURON_PJRT_PROCESS_INDEX", "0") == "0"


def finish(stream):
    """Prints the report and writes the last program's record, if the script ran anything on the chip."""
    from trainstone import library

    text = library.last_run_json()
    if text is None:
        print("trainstone: no program ran on the modelled chip", file=stream)
        return
    print("\n".join(report(library.runs())), file=stream)
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


def show_script_only():
    """An error that ends the script is shown from the script's first frame on."""
    show = sys.excepthook

    def hook(kind, error, at):
        while at and at.tb_next and at.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>", runpy.__file__):
            at = at.tb_next
        show(kind, error.with_traceback(at), at)

    sys.excepthook = hook


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    is_strict = arguments[:1] == ["--lint"]
    arguments = arguments[is_strict:]
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
    activate_nki()
    if is_strict:
        be_strict()
    library.count_runs()
    show_script_only()
    try:
        run(arguments)
    finally:
        sys.stdout.flush()
        if not isinstance(sys.exc_info()[1], Exception) and is_first():
            finish(sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
