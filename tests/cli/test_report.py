"""The report of a compiled training step: figures that agree with each other, a trace that Perfetto's own schema
reads, and a page that a browser shows without network, errors or overflow."""

import collections
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from programs import ADD, BUILD, COMMAND, ROOT, trainstone

FORMS = ("html", "json", "pftrace", "summary-text", "summary-json")


@functools.cache
def browser():
    for name in ("chromium-headless-shell", "chromium", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("no headless Chromium: apt-get install chromium-headless-shell")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """step.mlirbc, the training step of examples/digits_mlp.py, and its report in every form."""
    path = tmp_path_factory.mktemp("report")
    script = """
import sys
sys.path.insert(0, "examples")
import jax, jax.export, digits_mlp as mlp
train, _ = mlp.load_data()
params, state = mlp.init()
exported = jax.export.export(mlp.train_step, platforms=["neuron"])(params, state, train[0][:128], train[1][:128])
open(sys.argv[1], "wb").write(exported.mlir_module_serialized)
"""
    subprocess.run([sys.executable, "-c", script, path / "step.mlirbc"], cwd=ROOT, check=True,
                   env={"JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin"}, timeout=300)
    forms = [word for form in FORMS for word in (f"--{form}", path / f"step.{form}")]
    done = trainstone("report", path / "step.mlirbc", *forms)
    assert done.returncode == 0, done.stderr
    (path / "step.txt").write_text(done.stdout)
    return path


def load(folder, form):
    return json.loads((folder / f"step.{form}").read_text())


def test_adds_up(folder):
    report = load(folder, "json")
    total = report["step"]["total_ps"]
    assert report["schema"] == "trainstone.report/1.0"
    assert sum(row["time_ps"] for row in report["bound"]) == total
    launch = next(row["time_ps"] for row in report["bound"] if row["resource"] == "launch")
    assert sum(line["time_ps"] for line in report["lines"]) + launch == total
    for line in report["lines"]:
        assert sum(line["bound_ps"].values()) == line["time_ps"] == sum(row["time_ps"] for row in line["rows"])
    assert sum(module["time_ps"] for module in report["modules"] if module["parent"] == -1) + launch == total
    assert {module["name"] for module in report["modules"]} >= {"forward", "backward", "adam"}


def test_gains(folder):
    """Freeing a resource gains between nothing and what it bounds, and `time` on such a chip agrees."""
    report = load(folder, "json")
    total = report["step"]["total_ps"]
    for row in report["bound"]:
        assert 0 <= row["gain_ps"] <= row["time_ps"]
    assert report["remedies"]
    for remedy in report["remedies"]:
        assert 0 < remedy["gain_ps"] <= report["remedies_together_ps"] < total
    for row, resource in (("dma_descriptor_ns", "dma_descriptors"), ("dma_queue_floor_ns", "dma_queue")):
        chip = folder / f"{row}.chip"
        chip.write_text(f"chip trn1\n{row} = 0\n")
        record = json.loads(trainstone("time", folder / "step.mlirbc", "--chip", chip, "--json").stdout)
        gain = next(bound["gain_ps"] for bound in report["bound"] if bound["resource"] == resource)
        assert round(record["predicted_seconds"] * 1e12) == total - gain


def test_views(folder):
    """What is drawn is in the JSON: phases, the timeline in bins, the roofs."""
    report = load(folder, "json")
    total, series = report["step"]["total_ps"], report["series"]
    assert [phase["name"] for phase in report["phases"]][:2] == ["forward", "backward"]
    assert all(0 <= phase["start_ps"] < phase["end_ps"] <= total for phase in report["phases"])
    assert sum(series["tensor_transpose_ps"]) < sum(series["busy_ps"]["tensor"])
    assert all(some <= whole for some, whole in zip(series["tensor_transpose_ps"], series["busy_ps"]["tensor"]))
    assert max(series["sbuf_partition_bytes"]) == report["memory"]["sbuf_peak_partition_bytes"]
    flat = load(folder, "summary-json")
    assert sum(series["hbm_bytes"]) == flat["hbm_read_bytes"] + flat["hbm_write_bytes"]
    roofs = report["roofline"]
    assert roofs["peak_tflops"] == {"bf16": 91.75, "fp32": pytest.approx(91.75 / 4)}
    assert roofs["points"] and all(0 < point["tflops"] <= roofs["peak_tflops"]["fp32"] for point in roofs["points"])
    assert {line["line"] for line in report["lines"] if line.get("mfu_percent")} == \
        {line["line"] for line in report["lines"] if line["flops"]}


def test_cost_of_other_chips(folder, tmp_path):
    """An instance with another chip is priced by what the clock says of that chip."""
    compiled = tmp_path / "step.trn"
    assert trainstone("compile", folder / "step.mlirbc", "-o", compiled).returncode == 0
    trainstone("report", compiled, "-q", "--json", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    steps = {row["chip"]: row["step_ps"] for row in report["cost"]}
    assert steps["trn1"] == steps["inf2"] == report["step"]["total_ps"] != steps["trn2"]
    record = json.loads(trainstone("time", compiled, "--chip", "trn2", "--json").stdout)
    assert steps["trn2"] == round(record["predicted_seconds"] * 1e12)
    for row in report["cost"]:
        if row["per_hour_usd"]:
            assert row["per_step_usd"] == pytest.approx(row["step_ps"] * 1e-12 / 3600 * row["per_hour_usd"])


def test_summary(folder):
    """Neuron's names, flat, the same in both forms."""
    flat = load(folder, "summary-json")
    lines = dict(line.split() for line in (folder / "step.summary-text").read_text().splitlines())
    assert {name: float(value) for name, value in lines.items()} == flat
    report = load(folder, "json")
    assert flat["total_time"] == report["step"]["total_time_s"]
    assert flat["mfu_estimated_percent"] == pytest.approx(
        100 * flat["model_flops"] / (91.75e12 * flat["total_time"]))
    for name in ("hbm_read_bytes", "dma_transfer_average_bytes", "tensor_engine_active_time_percent",
                 "spill_reload_bytes", "sbuf_write_bytes", "psum_read_bytes"):
        assert flat[name] > 0, name
    assert report["summary"] == flat
    moved = flat["hbm_read_bytes"] + flat["hbm_write_bytes"]
    regular = flat["hardware_flops"] - flat["transpose_flops"]
    assert flat["hardware_flops"] > flat["transpose_flops"] > 0
    assert flat["adjusted_hardware_flops"] == 4 * flat["hardware_flops"]  # all of it fp32
    assert flat["mm_arithmetic_intensity"] == pytest.approx(regular / moved)
    assert flat["peak_flops_bandwidth_ratio"] == pytest.approx(91.75e12 / 410e9)
    assert flat["mbu_estimated_percent"] == pytest.approx(100 * moved / flat["total_time"] / 410e9)
    assert flat["total_exec_time"] + flat["launch_time"] == pytest.approx(flat["total_time"])
    printed = trainstone("report", folder / "step.mlirbc", "--output-format", "summary-text")
    assert printed.stdout == (folder / "step.summary-text").read_text()


def test_memory_is_drawn_as_large_as_the_chip_has_it(folder, tmp_path):
    (tmp_path / "large.chip").write_text("chip trn1\npsum_partition_bytes = 32768\n")
    page = trainstone("report", folder / "step.mlirbc", "--chip", tmp_path / "large.chip", "--html", "-").stdout
    assert "0 to 32 KiB" in page and "0 to 16 KiB" in (folder / "step.html").read_text()
    assert " of 32 KiB in PSUM" in page


@pytest.mark.parametrize("form", FORMS)
def test_standard_output(folder, tmp_path, form):
    """A file "-" is standard output, which then holds what the file would and no more."""
    for words in ((f"--{form}", "-"), (f"--{form}=-", "-q")):
        done = subprocess.run([COMMAND, "report", folder / "step.mlirbc", *words], capture_output=True, cwd=tmp_path,
                              check=True)
        assert done.stdout == (folder / f"step.{form}").read_bytes()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [("--html", "-", "--json", "-"), ("--html=-", "--output-format", "text")])
def test_standard_output_takes_one_form(folder, words):
    done = trainstone("report", folder / "step.mlirbc", *words)
    assert done.returncode == 1 and "standard output takes one form of a report" in done.stderr
    assert "name a file for one of them: --" in done.stderr


def test_summary_names(folder):
    """Every name but launch_time is one of neuron-profile's (profile-schema-reference.rst, schema 7.4.0)."""
    engines = [f"{engine}_engine_{form}" for engine in ("tensor", "vector", "scalar", "gpsimd", "sync")
               for form in ("instruction_time", "active_time", "active_time_percent", "instruction_count")]
    assert set(load(folder, "summary-json")) == {
        *engines, "total_time", "total_exec_time", "neuroncore_cycle_count", "model_flops", "hardware_flops",
        "transpose_flops", "adjusted_hardware_flops", "adjusted_transpose_flops", "peak_flops_bandwidth_ratio",
        "mfu_estimated_percent", "mfu_max_achievable_estimated_percent", "mfu_hlo_estimated_percent",
        "mfu_hlo_max_achievable_estimated_percent", "mfu_inst_estimated_percent",
        "mfu_inst_max_achievable_estimated_percent", "hfu_estimated_percent", "mm_arithmetic_intensity",
        "mbu_estimated_percent", "mbu_min_read_util_percent", "matmul_instruction_count", "activate_instruction_count",
        "dma_active_time", "dma_active_time_percent", "dma_packet_time", "dma_transfer_count",
        "dma_transfer_average_bytes", "dma_transfer_total_bytes", "dma_queue_count", "hbm_read_bytes",
        "hbm_write_bytes",
        "sbuf_read_bytes", "sbuf_write_bytes", "psum_read_bytes", "psum_write_bytes", "psum_read_sbuf_write_count",
        "psum_read_sbuf_write_bytes", "spill_save_bytes", "spill_reload_bytes", "input_queue_bytes",
        "output_queue_bytes", "weight_queue_bytes", "weight_size_bytes", "inputs_and_weights_size_bytes",
        "inputs_outputs_weights_size_bytes", "cc_op_time", "cc_op_active_time", "cc_op_active_time_percent",
        "cc_op_count", "launch_time"}


def test_text(folder):
    text = (folder / "step.txt").read_text()
    assert len(text.splitlines()) <= 25 and max(map(len, text.splitlines())) <= 100 and text.isascii()
    assert re.search(r"^one step   [\d.]+ us  \([\d.]+ us \.\. [\d.]+ us\)   MFU", text, re.M)
    assert "digits_mlp.py:" in text and re.search(r"^try +-", text, re.M)


def read_trace(path):
    """Tracks by name, slices as (track, names from the outermost in, start, end, annotations) and flow ids, as
    perfetto's own schema reads the file: tracks known, slices in order and balanced, names interned before use."""
    schema = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    tracks, names, arguments, words, counters = {}, {}, {}, {}, collections.defaultdict(list)
    stacks, last, slices, starts, ends = collections.defaultdict(list), collections.Counter(), [], [], []
    assert trace.packet[0].sequence_flags == 3
    for packet in trace.packet:
        data = packet.interned_data
        names.update((name.iid, name.name) for name in data.event_names)
        arguments.update((name.iid, name.name) for name in data.debug_annotation_names)
        words.update((word.iid, word.str.decode()) for word in data.debug_annotation_string_values)
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if not packet.HasField("track_event"):
            continue
        event, at = packet.track_event, packet.timestamp
        track = tracks[event.track_uuid]
        if event.type == schema.TrackEvent.TYPE_COUNTER:
            assert track.HasField("counter") and event.double_counter_value >= 0
            counters[track.name].append((at, event.double_counter_value))
            continue
        assert at >= last[track.name], track.name
        last[track.name] = at
        stack = stacks[track.name]
        if event.type == schema.TrackEvent.TYPE_SLICE_BEGIN:
            notes = {arguments[note.name_iid]: words[note.string_value_iid] if note.HasField("string_value_iid") else
                     note.string_value if note.HasField("string_value") else note.uint_value
                     for note in event.debug_annotations}
            stack.append((names[event.name_iid], at, notes))
            starts += event.flow_ids
            ends += event.terminating_flow_ids
        else:
            name, start, notes = stack.pop()
            assert at > start
            slices.append((track.name, [*(outer[0] for outer in stack), name], start, at, notes))
    assert not any(stacks.values())
    assert set(ends) <= set(starts)
    return [track.name for track in tracks.values()], slices, counters, ends


def test_trace(folder):
    tracks, slices, counters, ends = read_trace(folder / "step.pftrace")
    assert {"module", "source line", "bound by", "Tensor", "Vector", "Scalar"} <= set(tracks)
    assert any(re.fullmatch(r"queue 0 \((\w+)(, \w+)*\)", name) for name in tracks)
    assert set(counters) == {"HBM GB/s", "DMA engines busy", "SBUF KiB a partition", "PSUM KiB a partition",
                             "pending DMA"}
    assert ends
    flat, report = load(folder, "summary-json"), load(folder, "json")
    for engine in ("Tensor", "Vector", "Scalar"):
        busy = sum(notes["dur_ps"] for track, _, _, _, notes in slices if track == engine)
        assert busy == pytest.approx(flat[f"{engine.lower()}_engine_active_time"] * 1e12, abs=1)
    assert max(value for _, value in counters["SBUF KiB a partition"]) * 1024 == \
        report["memory"]["sbuf_peak_partition_bytes"]
    # A transfer says how much it moves of which tensor, an instruction what it writes; what is pending comes and goes.
    moves = [notes for track, _, _, _, notes in slices if track.startswith("queue ")]
    assert sum(notes["bytes"] for notes in moves) == pytest.approx(flat["dma_transfer_total_bytes"], rel=0.01)
    assert {notes["variable"] for notes in moves if "variable" in notes} <= \
        {tensor["variable_name"] for tensor in report["tensors"]}
    assert all(re.fullmatch(r"\[\d+(,\d+)*\] \w+", notes["shape"]) for track, _, _, _, notes in slices
               if track in ("Tensor", "Vector", "Scalar"))
    assert counters["pending DMA"][-1][1] == 0 and max(value for _, value in counters["pending DMA"]) > 1
    # The critical path, three times: by bound, by line, by module; each stretch is cut to nanoseconds.
    total = report["step"]["total_ps"] / 1000
    spans = collections.defaultdict(collections.Counter)
    for track, names, start, end, _ in slices:
        spans[track]["/".join(names)] += end - start
    steps = sum(track == "bound by" for track, *_ in slices)
    for row in report["bound"]:
        shown = {"tensor": "Tensor", "vector": "Vector", "dma_latency": "DMA latency"}.get(row["resource"])
        if shown:
            assert spans["bound by"][shown] == pytest.approx(row["time_ps"] / 1000, abs=steps)
    lines = {f"{pathlib.Path(line['file']).name}:{line['line']}": line["time_ps"] / 1000 for line in report["lines"]}
    for name, span in spans["source line"].items():
        assert span == pytest.approx(lines[name], abs=steps)
    modules = {module["name"]: module["time_ps"] / 1000 for module in report["modules"] if module["parent"] == -1}
    for name in ("forward", "backward"):
        assert spans["module"][name] == pytest.approx(modules[name], abs=steps)
    assert sum(spans["bound by"].values()) == pytest.approx(total, abs=steps)
    assert max(len(names) for track, names, *_ in slices if track == "module") > 2


def test_trace_processor(folder):
    """What Perfetto's own importer finds, where its shell is installed: no lost event, and the slices that we wrote."""
    shell = shutil.which("trace_processor_shell")
    if not shell:
        pytest.skip("no trace_processor_shell on PATH")
    _, slices, _, _ = read_trace(folder / "step.pftrace")
    for query, want in (("select sum(value) from stats where severity = 'error'", 0),
                        ("select count(*) from slice", len(slices))):
        (folder / "query.sql").write_text(query)
        done = subprocess.run([shell, "-q", folder / "query.sql", folder / "step.pftrace"], capture_output=True,
                              text=True, timeout=120, check=True)
        assert int(done.stdout.split()[-1]) == want


def test_same_bytes(folder, tmp_path):
    for form in FORMS:
        trainstone("report", folder / "step.mlirbc", "-q", f"--{form}", tmp_path / form)
        assert (tmp_path / form).read_bytes() == (folder / f"step.{form}").read_bytes(), form


PROBE = """<script>
var wrong=[];addEventListener("error",function(e){wrong.push(String(e.message))});
addEventListener("securitypolicyviolation",function(e){wrong.push("blocked "+e.blockedURI)});
</script>"""
CHECK = """<script>addEventListener("load",function(){
THEME
var page=document.documentElement,found={wrong:wrong,wide:page.scrollWidth-innerWidth,overlaps:[],cut:[]};
document.querySelectorAll("svg[role=img]").forEach(function(svg){
  var boxes=[].slice.call(svg.querySelectorAll("text")).filter(function(t){return t.style.display!="none"})
    .map(function(t){var r=t.getBoundingClientRect();
      return{t:t.textContent,l:r.left,r:r.right,a:r.top+2,b:r.bottom-2}});
  boxes.forEach(function(p,i){boxes.slice(i+1).forEach(function(q){
    if(p.l<q.r-1&&q.l<p.r-1&&p.a<q.b&&q.a<p.b)
      found.overlaps.push(svg.getAttribute("aria-label")+": "+p.t+" / "+q.t)})})});
document.querySelectorAll("h1,h2,p,dd,dt").forEach(function(n){
  if(n.scrollWidth>n.clientWidth+1)found.cut.push(n.textContent.slice(0,60))});
var svg=document.querySelector("#tl"),hit=document.querySelector("#hit"),r=svg.getBoundingClientRect();
function send(kind,x){hit.dispatchEvent(new MouseEvent(kind,{bubbles:true,clientX:r.left+x*r.width,clientY:r.top+9}))}
var before=document.querySelector("svg.z").getAttribute("viewBox");
send("mousedown",.3);send("mousemove",.5);send("mouseup",.5);
found.zoomed=document.querySelector("svg.z").getAttribute("viewBox")!=before;
send("dblclick",.5);found.back=document.querySelector("svg.z").getAttribute("viewBox").split(" ")[0]=="0";
var line=document.querySelector(".ln[data-l='1']");line.click();
found.opened=[].slice.call(document.querySelectorAll(".s1")).every(function(n){return !n.hidden});
found.marked=document.querySelectorAll("#tl .hl").length;
line.click();
document.body.insertAdjacentHTML("beforeend",
  "<pre id=found>"+JSON.stringify(found).replace(/</g,"&lt;")+"</pre>")})</script>"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [500, 1200])
def test_page(folder, tmp_path, width, theme):
    page = (folder / "step.html").read_text()
    assert len(page) < 1_500_000 and "http:" not in page and "https:" not in page
    force = f'document.documentElement.dataset.th="{theme[0]}";'
    probed = tmp_path / "page.html"
    probed.write_text(page.replace("<header>", PROBE + "<header>", 1).replace(
        "</html>", CHECK.replace("THEME", force) + "</html>"))
    options = [browser(), "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu",
               f"--user-data-dir={tmp_path}/profile", f"--window-size={width},1400", "--enable-logging=stderr"]
    done = subprocess.run([*options, "--dump-dom", f"file://{probed}"], capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = json.loads(re.search(r"<pre id=\"found\">(.*?)</pre>", done.stdout, re.S)[1].replace("&lt;", "<")
                       .replace("&gt;", ">").replace("&amp;", "&"))
    assert found["wrong"] == [] and found["cut"] == []
    assert found["overlaps"] == []
    assert found["wide"] <= 0
    assert found["zoomed"] and found["back"] and found["opened"] and found["marked"] > 0
    shot = pathlib.Path(BUILD) / f"report_{width}_{theme}.png"
    themed = tmp_path / "themed.html"
    themed.write_text(page.replace("<html lang=en>", f"<html lang=en data-th={theme[0]}>", 1))
    height = 9000 if width == 500 else 5400
    subprocess.run([*options[:-2], f"--window-size={width},{height}", f"--screenshot={shot}", f"file://{themed}"],
                   capture_output=True, timeout=120, check=True)
    assert shot.stat().st_size > 20_000


def test_print(folder, tmp_path):
    """On paper: A4 across, a dozen pages at most."""
    paper = tmp_path / "step.pdf"
    subprocess.run([browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
                    f"--print-to-pdf={paper}", f"file://{folder / 'step.html'}"], capture_output=True,
                   timeout=120, check=True)
    pdf = paper.read_bytes()
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert 3 <= len(boxes) <= 12
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(842, 595)}


DEMO = """
import os, sys
sys.path.insert(0, "examples")
import jax, jax.export, numpy as np
if sys.argv[1] == "cnn":
    import digits_cnn as example
    train, _ = example.load_data()
    arguments = *example.init(), train[0][:example.BATCH], train[1][:example.BATCH]
else:
    import gpt_text as example
    tokens, characters = example.load_text()
    arguments = *example.init(len(characters)), *next(iter(example.batches(tokens, 1)))
exported = jax.export.export(example.train_step, platforms=["neuron"])(*arguments)
open(sys.argv[2], "wb").write(exported.mlir_module_serialized)
"""
# A resource without cost, as rows of a chip.
FREE = {"dma_descriptors": ["dma_descriptor_ns = 0"], "dma_queue": ["dma_queue_floor_ns = 0"],
        "dma_latency": ["dma_first_byte_ns = 0", "dma_completion_ns = 0"],
        "dma_bytes": ["dma_engine_bytes_per_ns = 1e9", "hbm_bytes_per_ns = 1e9"],
        "tensor": ["tensor_ghz = 1e6"], "vector": ["vector_ghz = 1e6"],
        "scalar": ["scalar_ghz = 1e6", "act_table_load_ns = 0"],
        "gpsimd": ["gpsimd_ghz = 1e6"]}


@pytest.mark.parametrize("part", ["cnn", "gpt"])
def test_demo_bottleneck(tmp_path, part):
    """The bottleneck that the demo's report names is one: no other resource gains more when it is free, and on a chip
    where it costs nothing the step gains at least what the report says, a tenth of it or more."""
    program = tmp_path / "step.mlirbc"
    subprocess.run([sys.executable, "-c", DEMO, part, program], cwd=ROOT, check=True,
                   env={"JAX_PLATFORMS": "cpu", "PATH": "/usr/bin:/bin"}, timeout=300)
    assert trainstone("report", program, "-q", "--json", tmp_path / "r.json").returncode == 0
    report = json.loads((tmp_path / "r.json").read_text())
    total, first = report["step"]["total_ps"], report["bound"][0]
    chip = tmp_path / "free.chip"
    chip.write_text("\n".join(["chip trn1", *FREE[first["resource"]], ""]))
    record = json.loads(trainstone("time", program, "--chip", chip, "--json").stdout)
    gained = total - round(record["predicted_seconds"] * 1e12)
    assert gained >= 0.99 * first["gain_ps"] > 0.1 * total
    assert first["gain_ps"] == max(row["gain_ps"] for row in report["bound"])


def test_collectives(tmp_path):
    """What each took, how, and what bounds it: in words, as JSON, on the page and in the timeline."""
    program = ROOT / "tests/timing/collective_stream.trn"
    files = tmp_path / "report.json", tmp_path / "report.html", tmp_path / "report.pftrace"
    text = trainstone("report", program, "--json", files[0], "--html", files[1], "--pftrace", files[2]).stdout
    assert "trn1.32xlarge, 32 of 32 cores" in text and "600 collectives, 300 MiB" in text and "A15" not in text
    told = trainstone("explain", program).stdout
    assert ("all_reduce of 512 KiB on 8 ranks of 4 chips: mesh, 4 steps, 42.7 us alone, bounded by a rank's sends"
            in told)
    made = json.loads(files[0].read_text())
    collectives = made["collectives"]
    assert collectives["ranks"] == 32 and collectives["count"] == 600
    assert collectives["exposed_ps"] == next(row["time_ps"] for row in made["bound"] if row["resource"] == "collective")
    first, second = collectives["instructions"]
    assert (first["kind"], first["line"], first["algorithm"], first["count"]) == ("all_reduce", 3, "mesh", 300)
    assert second["kind"] == "reduce_scatter" and 2 * second["sent_bytes"] == first["sent_bytes"]
    assert {row["id"] for row in made["remedies"]} >= {"A15"}
    assert "<h2>Collectives</h2>" in files[1].read_text()
    trace = files[2].read_bytes()
    assert b"collectives" in trace and b"reduce_scatter" in trace


SUMMED = """
import jax, jax.numpy as jnp
def step(w, x):
    made = jnp.tanh(x @ w)
    summed = jax.lax.psum(made, "cores")
    return w + summed
jax.pmap(step, axis_name="cores")(jnp.ones((2, 64, 64)), jnp.ones((2, 64, 64))).block_until_ready()
"""


def test_a_collective_belongs_to_its_own_line(tmp_path):
    """And not to that of what it sums."""
    (tmp_path / "summed.py").write_text(SUMMED)
    environment = os.environ | {"TRAINSTONE_OUT": str(tmp_path / "records"), "TRAINSTONE_INSTANCE": "trn1.2xlarge"}
    run = subprocess.run([sys.executable, tmp_path / "summed.py"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    record, = (path for path in (tmp_path / "records").glob("*.json") if json.loads(path.read_text()).get("ranks") == 2)
    trainstone("report", record, "--json", tmp_path / "report.json")
    collective, = json.loads((tmp_path / "report.json").read_text())["collectives"]["instructions"]
    assert (pathlib.Path(collective["file"]).name, collective["line"],
            collective["bytes"]) == ("summed.py", 5, 64 * 64 * 4)
    assert collective["algorithm"] == "mesh" and collective["chips"] == 1


def test_explain(folder):
    done = trainstone("explain", folder / "step.mlirbc", "--lines", "3")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^ ?(\d) digits_mlp\.py:\d+", done.stdout, re.M) == ["1", "2", "3"]
    assert done.stdout.count("   why   ") == done.stdout.count("   try   ") == 3


def test_diff(tmp_path):
    (tmp_path / "a.trn").write_text(ADD)
    (tmp_path / "b.trn").write_text(ADD.replace("queue=1", "queue=0"))
    done = trainstone("diff", tmp_path / "a.trn", tmp_path / "b.trn")
    assert done.returncode == 0 and "slower" in done.stdout and "DMA queue" in done.stdout, done.stdout
    both = json.loads(trainstone("diff", tmp_path / "a.trn", tmp_path / "b.trn", "--json").stdout)
    assert both["after_ps"] > both["before_ps"]
    same = trainstone("diff", tmp_path / "a.trn", tmp_path / "a.trn").stdout
    assert "the same" in same and "changed most" in done.stdout and "changed most" not in same


LIBRARY = "/venv/lib/python3.11/site-packages/layers/dense.py"
# A load belongs to line 7 of the user's own function through a library, the store to no frame of the user's.
THROUGH = ADD.replace("tensor x", f"""loc @1 "/home/me/train.py":7:3 "step"
loc @2 "{LIBRARY}":31:5 "jit(step)/dot_general" from @1
loc @3 "{LIBRARY}":40:5 "jit(step)/add"
tensor x""", 1).replace("y +0 4@8 8]", "y +0 4@8 8] @2", 1).replace("+64 8]\n", "+64 8] @3\n")


def test_a_librarys_lines_are_their_callers(tmp_path):
    """The line that a user can change is named, and the library's beside the instruction."""
    (tmp_path / "step.trn").write_text(THROUGH)
    done = trainstone("report", tmp_path / "step.trn", "--json", tmp_path / "step.json", "--html",
                      tmp_path / "step.html")
    assert "train.py:7" in done.stdout and "dense.py:40" in done.stdout, done.stdout
    assert "dense.py:31" not in done.stdout, done.stdout
    lines = {(line["file"], line["line"]): line for line in json.loads((tmp_path / "step.json").read_text())["lines"]}
    assert set(lines) == {("/home/me/train.py", 7), (LIBRARY, 40), ("", 0)}
    row, = lines["/home/me/train.py", 7]["rows"]
    assert (row["file"], row["line"], row["hlo_name"]) == (LIBRARY, 31, "jit(step)/dot_general")
    told = trainstone("explain", tmp_path / "step.trn").stdout
    assert re.search(r"^ \d train.py:7  in step ", told, re.M), told
    assert re.search(r"jit\(step\)/dot_general  dense.py:31$", told, re.M), told
    assert re.search(r"jit\(step\)/add$", told, re.M), told
    assert "</code>  dense.py:31" in (tmp_path / "step.html").read_text()


def test_the_chip_that_was_clocked_is_named_and_no_other_is_priced(tmp_path):
    (tmp_path / "add.trn").write_text(ADD)
    (tmp_path / "slow.chip").write_text("chip trn1\ndma_engine_bytes_per_ns = 8.5\n")

    def told(*arguments):
        text = trainstone("report", tmp_path / "add.trn", "--html", tmp_path / "add.html", *arguments).stdout
        machine = text.splitlines()[0].split("   ")[1]
        assert f"&middot; {machine}</span>" in (tmp_path / "add.html").read_text()
        return machine, re.search(r"^cost +(.*)$", text, re.M).group(1)

    machine, cost = told()
    assert machine == "trn1.2xlarge, 1 of 2 cores" and cost.startswith("$")
    machine, cost = told("--chip", tmp_path / "slow.chip")
    assert machine == "trn1.2xlarge, 1 of 2 cores, edited chip" and cost.startswith("$")
    machine, cost = told("--chip", "trn2")
    assert machine == "trn1.2xlarge, 1 of 2 cores, with chip trn2" and "no chip trn2: --instance" in cost
    machine, cost = told("--instance", "trn2.48xlarge")
    assert machine == "trn2.48xlarge, 1 of 128 cores" and cost.startswith("-, as no document")
    (tmp_path / "add.trn").write_text((tmp_path / "add.trn").read_text().replace("chip=trn1", "chip=inf2"))
    assert told()[0] == "inf2.xlarge, 1 of 2 cores"  # what it was compiled for, where nobody says otherwise
    assert told("--instance", "trn1.2xlarge")[0] == "trn1.2xlarge, 1 of 2 cores"


def test_refusals(tmp_path):
    (tmp_path / "a.trn").write_text(ADD)
    (tmp_path / "a.json").write_text('{"schema": "trainstone.record/1.0"}')
    assert "no record" in trainstone("report", tmp_path / "a.json").stderr
    done = trainstone("report", tmp_path / "a.trn", "--html", tmp_path / "no/such/a.html")
    assert done.returncode == 1 and "no/such" in done.stderr
    assert trainstone("report").returncode == 2
    assert trainstone("diff", tmp_path / "a.trn").returncode == 2


def test_records_of_a_script(tmp_path):
    """TRAINSTONE_OUT collects what ran, under any instance and chip; the report of a record is that of its run."""
    chip = tmp_path / "slow.chip"
    chip.write_text("chip trn1\nhbm_bytes_per_ns = 100\n")
    np.save(tmp_path / "x.npy", np.ones((4, 8), np.float32))
    for name, text in (("a", ADD), ("b", ADD.replace("op=add", "op=subtract"))):
        (tmp_path / f"{name}.trn").write_text(text)
        done = trainstone("run", f"{name}.trn", "--input", "x.npy", "x.npy", cwd=tmp_path, TRAINSTONE_OUT="kept/",
                          TRAINSTONE_CHIP=str(chip), TRAINSTONE_INSTANCE="inf2.xlarge")
        assert done.returncode == 0, done.stderr
    records = sorted((tmp_path / "kept").glob("add*.json"))
    assert len(records) == 2  # two programs of one name
    for path in records:
        record = json.loads(path.read_text())
        assert record["schema"] == "trainstone.record/1.0" and record["replay"]["instance"] == "inf2.xlarge"
        done = trainstone("report", path, "--json", tmp_path / "r.json")
        assert done.returncode == 0 and "inf2.xlarge" in done.stdout, done.stderr
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["step"]["total_time_s"] == record["predicted_seconds"]
    # The same run again leaves the same bytes; a program that is not the one that ran is refused.
    first = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    for name in "ab":
        trainstone("run", f"{name}.trn", "--input", "x.npy", "x.npy", cwd=tmp_path, TRAINSTONE_OUT="again",
                   TRAINSTONE_CHIP=str(chip), TRAINSTONE_INSTANCE="inf2.xlarge")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == first
    (tmp_path / "kept" / json.loads(records[0].read_text())["replay"]["program"]).write_bytes(b"another")
    assert "is not the program that ran" in trainstone("report", records[0]).stderr
    done = trainstone("run", "a.trn", "--input", "x.npy", "x.npy", cwd=tmp_path, TRAINSTONE_OUT="/proc/no")
    assert done.returncode == 1 and "TRAINSTONE_OUT" in done.stderr
