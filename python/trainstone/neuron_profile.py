"""neuron-profile and neuron-explorer for kernels that ran here: capture and view, on the model's clock.

A .neff that nki.benchmark or nki.profile saved here contains the recorded program (docs/trn.md), and a .ntff the
clock's record of one run of it. Neither has AWS's format, and AWS's files are refused.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

from trainstone import library

FORMS = {"summary-text": "summary-text", "summary-json": "summary-json", "perfetto": "pftrace", "html": "html",
         "json": "json"}
MAGIC = b"trn "


def command():
    """The trainstone command of this library, or the one on PATH."""
    beside = library.path().with_name("trainstone")
    found = beside if beside.is_file() else shutil.which("trainstone")
    if not found:
        raise SystemExit("the trainstone command is neither beside the library nor on PATH")
    return str(found)


def program_of(path):
    """The path of a .neff, if it was made here; otherwise an error."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise SystemExit(f"{path}: no such file. Save it with save_neff_name= of nki.benchmark or nki.profile")
    with open(path, "rb") as file:
        if not file.read(len(MAGIC)).startswith(MAGIC):
            raise SystemExit(f"{path} was not made by Trainstone: AWS's NEFF format is not public")
    return path


def run_command(verb, neff, *words):
    """Runs a verb of the command on the chip that the kernel was recorded for, unless the environment names a chip."""
    with open(neff, encoding="utf-8") as file:
        chip = re.search(r"^program .* chip=(\S+)", file.readline() + file.readline(), re.M)
    if chip and "TRAINSTONE_CHIP" not in os.environ:
        words += ("--chip", chip[1])
    done = subprocess.run([command(), verb, neff, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout


def trace_name(trace, nth):
    """The trace's file name: profile.ntff for the first execution, profile_exec_2.ntff for the second."""
    trace = pathlib.Path(trace)
    return trace if nth == 1 else trace.with_name(f"{trace.stem}_exec_{nth}{trace.suffix}")


def traced(executions, nth):
    """The executions to profile: every nth one, or number nth when there are fewer."""
    return list(range(nth, executions + 1, nth)) or [nth]


def capture(options):
    neff = program_of(options.neff)
    record = run_command("time", neff, "--json")
    for nth in traced(options.num_exec, options.profile_nth_exec):
        path = trace_name(options.session_file, nth) if options.num_exec > 1 else pathlib.Path(options.session_file)
        path.write_text(record)
        print(f"{path}: one run of {neff} on the modelled chip")


def view(options):
    neff = program_of(options.neff)
    if options.session_file and not pathlib.Path(options.session_file).is_file():
        raise SystemExit(f"{options.session_file}: no such file. Make it with neuron-profile capture -n {neff} -s "
                         f"{options.session_file}")
    form = options.output_format or "html"
    text = run_command("report", neff, "--output-format", FORMS[form]) if form != "perfetto" else None
    target = options.output_file
    if form == "perfetto":
        target = target or neff.with_suffix(".pftrace")
        run_command("report", neff, "-q", "--pftrace", target)
    elif form == "html" and not target:
        target = neff.with_suffix(".html")
    if text is not None and target:
        pathlib.Path(target).write_text(text)
    if target:
        print(f"{target}: " + ("open it at https://ui.perfetto.dev" if form == "perfetto" else "open it in a browser"
                               if form == "html" else f"{form} of {neff}"))
    else:
        print(text, end="" if text.endswith("\n") else "\n")


def parser(name):
    made = argparse.ArgumentParser(prog=name, description=__doc__.split("\n")[0])
    verbs = made.add_subparsers(dest="verb", required=True)
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("-n", "--neff-path", "--neff", dest="neff", required=True)
    captured = verbs.add_parser("capture", parents=[files], help="clock a saved kernel")
    captured.add_argument("-s", "--session-file", default="profile.ntff")
    captured.add_argument("--num-exec", type=int, default=1)
    captured.add_argument("--profile-nth-exec", type=int, default=1)
    captured.add_argument("--enable-dge-notifs", action="store_true", help="accepted; every transfer is shown anyway")
    captured.set_defaults(act=capture)
    viewed = verbs.add_parser("view", parents=[files], help="what a captured run says")
    viewed.add_argument("-s", "--session-file")
    viewed.add_argument("--output-format", choices=FORMS, help="default: html, one page")
    viewed.add_argument("--output-file", type=pathlib.Path)
    viewed.set_defaults(act=view)
    return made


def main(arguments=None, name="neuron-profile"):
    options = parser(name).parse_args(arguments)
    options.act(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
