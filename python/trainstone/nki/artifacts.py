"""The files that nki.benchmark and nki.profile write: a .neff, .ntff traces and JSON summaries."""

import json
import pathlib

from trainstone import neuron_profile

REPORTS = "json_reports"


def _place(folder, name, overwrite):
    path = folder / name
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: give overwrite=True or another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def save_neff(run, path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run.latest()[0].text())
    return path


def save_trace(record, path):
    pathlib.Path(path).write_text(json.dumps(record) + "\n")


def save_benchmark(run, record, save_neff_name=None, save_trace_name=None, **_):
    if save_neff_name:
        save_neff(run, save_neff_name)
    if save_trace_name:
        save_trace(record, save_trace_name)


def save_profile(run, record, working_directory=None, save_neff_name="file.neff", save_trace_name="profile.ntff",
                 overwrite=False, profile_nth=1, num_execs=1, **_):
    """Writes a profile. All executions take the same time here, so every trace holds the same record."""
    folder = pathlib.Path(working_directory or ".")
    neff = save_neff(run, _place(folder, save_neff_name, overwrite))
    for nth in neuron_profile.traced(num_execs, profile_nth):
        trace = _place(folder, neuron_profile.trace_name(save_trace_name, nth), overwrite)
        save_trace(record, trace)
        summary = neuron_profile.run_command("report", neff, "--output-format", "summary-json")
        _place(folder, pathlib.Path(REPORTS) / f"{trace.stem}.json", overwrite).write_text(summary)
