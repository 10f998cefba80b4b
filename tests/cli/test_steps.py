"""Training without Python: what trainstone.export writes, the command runs step after step, with the bits of JAX."""

import json
import pathlib
import re
import shutil
import sys

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import trainstone as product
from programs import trainstone
from test_terminal import on_terminal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
import models  # noqa: E402

NUMPY = {"F32": np.float32, "BF16": ml_dtypes.bfloat16, "F16": np.float16, "I32": np.int32, "U32": np.uint32,
         "U8": np.uint8, "I8": np.int8, "BOOL": np.bool_}


def stored(path):
    """The arrays of a .safetensors file by name, read by the format's description."""
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    assert sum(b - a for a, b in (entry["data_offsets"] for entry in header.values())) == len(rest)
    return {name: np.frombuffer(rest[slice(*entry["data_offsets"])], NUMPY[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}


def run(folder, *arguments):
    done = trainstone("run", *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refuse(folder, *arguments, code=1):
    done = trainstone("run", *arguments, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert not (folder / "final.safetensors").exists() and not (folder / "out").exists()
    return done.stderr


def same_bits(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("compute", [np.float32, ml_dtypes.bfloat16])
def test_a_gpt_trains_further_without_python(tmp_path, compute):
    count = 4
    state, step, batches = models.gpt(compute, steps=count)
    manifest = product.export(step, state, batches[0], path=tmp_path / "gpt")
    for number, parts in enumerate(zip(*batches)):
        np.save(tmp_path / f"batch_{number}.npy", np.stack(parts))
    names = [argument["name"] for argument in manifest["arguments"]]
    assert manifest["carry"] == {"0" + name.removeprefix("state"): name for name in names if name.startswith("state")}
    streams = [f"batch.{number}=batch_{number}.npy" for number in range(len(batches[0]))]
    run(tmp_path, "gpt.mlirbc", "--steps", count, "--stream", *streams, "--save", "final.safetensors", "--out", "out")

    jitted, losses = jax.jit(step), []
    device = jax.devices("neuron")[0]
    state = jax.device_put(state, device)
    for batch in batches:
        state, loss = jitted(state, jax.device_put(batch, device))
        losses.append(np.asarray(loss))
    final = stored(tmp_path / "final.safetensors")
    leaves = jax.tree.leaves(state)
    carried = [name for name in names if name.startswith("state")]
    assert sorted(final) == sorted(carried)
    for name, leaf in zip(carried, leaves, strict=True):
        same_bits(final[name], leaf)
    same_bits(np.load(tmp_path / f"out/output_{len(leaves)}.npy"), np.stack(losses))
    # Two runs of half the steps, the second from what the first saved.
    for number in range(len(batches[0])):
        whole = np.load(tmp_path / f"batch_{number}.npy")
        np.save(tmp_path / f"first_{number}.npy", whole[:count // 2])
        np.save(tmp_path / f"second_{number}.npy", whole[count // 2:])
    halves = [[f"batch.{n}={half}_{n}.npy" for n in range(len(batches[0]))] for half in ("first", "second")]
    run(tmp_path, "gpt.mlirbc", "--stream", *halves[0], "--save", "half.safetensors")
    run(tmp_path, "gpt.mlirbc", "--load", "half.safetensors", "--stream", *halves[1], "--save", "whole.safetensors")
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "final.safetensors").read_bytes()


@pytest.fixture
def folder(tmp_path):
    """count.*: a state of two leaves, a streamed vector, and a loss."""

    def step(state, x):
        total = state["total"] + x
        return {"total": total, "count": state["count"] + 1}, total.sum()

    state = {"total": np.zeros(3, np.float32), "count": np.int32(5)}
    product.export(step, state, jax.ShapeDtypeStruct((3,), np.float32), path=tmp_path / "count.mlirbc")
    np.save(tmp_path / "xs.npy", np.arange(12, dtype=np.float32).reshape(4, 3))
    return tmp_path


def test_what_is_written(folder):
    names = ["count.json", "count.mlirbc", "count.safetensors", "xs.npy"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert stored(folder / "count.safetensors").keys() == {"state.total", "state.count"}
    manifest = json.loads((folder / "count.json").read_text())
    assert [argument["name"] for argument in manifest["arguments"]] == ["state.count", "state.total", "x"]
    assert manifest["carry"] == {"0.count": "state.count", "0.total": "state.total"}


def test_steps_and_what_they_print(folder):
    text = run(folder, "count.mlirbc", "--steps", 3, "--stream", "x=xs.npy", "--save", "final.safetensors",
               "--out", "out")
    assert text.startswith("3 steps; of 3 arguments 2 carried, 1 streamed\nresult 1  3 -> 36\n"
                           "saved final.safetensors\n")
    final = stored(folder / "final.safetensors")
    same_bits(final["state.total"], np.float32([9, 12, 15]))
    same_bits(final["state.count"], np.int32(8))
    same_bits(np.load(folder / "out/output_0.npy"), np.int32(8))
    same_bits(np.load(folder / "out/output_2.npy"), np.float32([3, 15, 36]))


def test_progress_on_a_terminal(folder):
    count = 2_000_000  # minutes, which are interrupted
    np.save(folder / "many.npy", np.broadcast_to(np.float32([1, 2, 3]), (count, 3)))
    shown = on_terminal("run", "count.mlirbc", "--stream", "x=many.npy", "--save", "final.safetensors",
                        until=f"/{count}  result 1 ", cwd=folder)
    lines = re.findall(rf"\r\x1b\[\?7lstep (\d+)/{count}  result 1 (\S+)  ETA (\d+) s  wall \S+ ms/step  "
                       r"predicted \S+ ms/step\x1b\[K\x1b\[\?7h", shown)
    assert lines, shown
    for step, total, seconds in lines:
        assert float(total) == pytest.approx(6 * int(step), rel=1e-5) and int(seconds) > 0
    assert "cancelled" in shown.rsplit("\x1b[K", 1)[1] and not (folder / "final.safetensors").exists()


def test_streams_decide_the_number_of_steps(folder):
    assert run(folder, "count.mlirbc", "--stream", "x=xs.npy").startswith("4 steps; ")
    np.save(folder / "none.npy", np.zeros((0, 3), np.float32))
    assert "no step (its first axis" in refuse(folder, "count.mlirbc", "--stream", "x=none.npy")


def test_names_as_jax_writes_them(folder):
    product.export(lambda a, b: (a * b["x"][0], a), np.float32(2), {"x": [np.float32(3)]}, path=folder / "p")
    np.save(folder / "s.npy", np.float32([1, 2, 3, 4]))
    assert "result 1  2 -> 12" in run(folder, "p.mlirbc", "--stream", "b['x'][0]=s.npy")
    assert "result 1  2 -> 12" in run(folder, "p.mlirbc", "--stream=b.x.0=s.npy")
    # A program compiled to instructions runs the same way.
    assert trainstone("compile", "p.mlirbc", "-o", "p.trn", cwd=folder).returncode == 0
    assert "result 1  2 -> 12" in run(folder, "p.trn", "--stream", "b.x.0=s.npy")


def test_poison_and_json(folder):
    text = run(folder, "count.mlirbc", "--stream", "x=xs.npy", "--poison", "--json", "--save", "final.safetensors")
    assert json.loads(text)["predicted_seconds"] > 0
    same_bits(stored(folder / "final.safetensors")["state.count"], np.int32(9))


def test_wrong_command_lines(folder):
    save = ("--save", "final.safetensors", "--out", "out")
    assert "did you mean x?" in refuse(folder, "count.mlirbc", "--stream", "xx=xs.npy", *save)
    assert "ARG=FILE" in refuse(folder, "count.mlirbc", "--stream", "xs.npy", *save)
    assert "twice (join the files" in refuse(folder, "count.mlirbc", "--stream", "x=xs.npy", "x=xs.npy", *save)
    assert "--steps asks for 5 (leave --steps out" in refuse(folder, "count.mlirbc", "--steps", 5, "--stream",
                                                             "x=xs.npy", *save)
    assert "--stream x=FILE" in refuse(folder, "count.mlirbc", "--steps", 2, *save)
    assert "becomes this argument" in refuse(folder, "count.mlirbc", "--stream", "state.total=xs.npy", *save)
    assert "--input" in refuse(folder, "count.mlirbc", "--input", "xs.npy", "--steps", 2, *save)
    np.save(folder / "wide.npy", np.zeros((4, 4), np.float32))
    assert "f32 3" in refuse(folder, "count.mlirbc", "--stream", "x=wide.npy", *save)
    np.save(folder / "ints.npy", np.zeros((4, 3), np.int32))
    assert "f32 3" in refuse(folder, "count.mlirbc", "--stream", "x=ints.npy", *save)
    assert "1 to" in refuse(folder, "count.mlirbc", "--steps", 0, code=2)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_wrong_files(folder):
    line = ("count.mlirbc", "--stream", "x=xs.npy", "--save", "final.safetensors", "--out", "out")
    good = (folder / "count.json").read_text()
    for change, words in [(lambda c: c.pop("trainstone"), "not what trainstone.export writes"),
                          (lambda c: c["arguments"].pop(), "arguments are not those"),
                          (lambda c: c["outputs"].append({"name": "2"}), "outputs are not those"),
                          (lambda c: c["arguments"][0].pop("name"), "has no name"),
                          (lambda c: c["arguments"][1].update(name="x"), "two of the arguments"),
                          (lambda c: c["carry"].update({"0.count": "nowhere"}), "names no argument"),
                          (lambda c: c["carry"].update({"nowhere": "x"}), "names no result"),
                          (lambda c: c["carry"].update({"1": "x"}), "differ in type"),
                          (lambda c: c["carry"].update({"0.count": "state.total"}), "differ in type"),
                          (lambda c: c["carry"].update({"0.count": 3}), "names no argument"),
                          (lambda c: c.update(carry=[]), "carry is no object")]:
        edit(folder / "count.json", change)
        said = refuse(folder, *line)
        assert words in said and "(export the program anew: trainstone.export" in said
        (folder / "count.json").write_text(good)
    (folder / "count.json").write_text(good[:40])
    assert "JSON, line" in refuse(folder, *line)
    (folder / "count.json").unlink()
    assert "trainstone.export" in refuse(folder, *line)
    (folder / "count.json").write_text(good)
    values = (folder / "count.safetensors").read_bytes()
    (folder / "count.safetensors").write_bytes(values.replace(b"state.count", b"state.counf"))
    assert 'no argument "state.counf" (give the file that was exported' in refuse(folder, *line)
    (folder / "count.safetensors").write_bytes(values.replace(b'"I32"', b'"U32"'))
    assert 'argument "state.count" is i32 scalar, the file has U32 scalar' in refuse(folder, *line)
    (folder / "count.safetensors").write_bytes(values[:-1])
    assert "lies outside the file" in refuse(folder, *line)
    (folder / "count.safetensors").unlink()
    assert "count.safetensors" in refuse(folder, *line)


# trainstone.export


def exported(tmp_path, fn, *args, **options):
    return product.export(fn, *args, path=tmp_path / "p", **options)["carry"]


def test_carry_by_position_by_name_and_as_given(tmp_path):
    w = {"a": np.ones(2, np.float32), "b": np.ones(3, np.float32)}
    assert exported(tmp_path, lambda w, x: (w, x.sum()), w, np.ones(4, np.float32)) == {"0.a": "w.a", "0.b": "w.b"}
    assert exported(tmp_path, lambda x, w: {"loss": x.sum(), "w": w}, np.ones(4, np.float32), w) == {
        "w.a": "w.a", "w.b": "w.b"}
    assert exported(tmp_path, lambda w: w, w) == {"a": "w.a", "b": "w.b"}
    assert exported(tmp_path, lambda x: x + 1, np.float32(1)) == {"0": "x"}
    assert exported(tmp_path, lambda x, w: (w["a"], {"new": w}), np.float32(1), w, carry={"[1]['new']": "w"}) == {
        "1.new.a": "w.a", "1.new.b": "w.b"}
    assert exported(tmp_path, lambda *w: w, w, w, carry={1: 0, "0.a": "w.1.a"}) == {
        "1.a": "w.0.a", "1.b": "w.0.b", "0.a": "w.1.a"}
    assert exported(tmp_path, lambda w: w, w, carry={}) == {}


def test_what_cannot_be_carried(tmp_path):
    w = {"a": np.ones(2, np.float32), "b": np.ones(3, np.float32)}
    for words, fn, args, options in [
        ("a part of the results", lambda w: {"a": w["a"], "b": w["b"].sum()}, (w,), {}),
        ("could go to the arguments", lambda s, a: {"a": s["a"] + a}, ({"a": w["a"]}, w["a"]), {"carry": None}),
        ("no argument has the path", lambda w: w, (w,), {"carry": {"a": "v"}}),
        ("no result has the path", lambda w: w, (w,), {"carry": {"c": "w.a"}}),
        ("types differ", lambda w: w, (w,), {"carry": {"a": "w.b"}}),
        ("comes twice", lambda w: (w["a"], w["a"]), (w,), {"carry": {"0": "w.a", "1": "w.a"}}),
        ("no counterpart", lambda w: (w, w["a"]), (w,), {"carry": {"0": "w.a"}}),
        ("no result below", lambda w: ({"a": w["a"]},), (w,), {"carry": {"0": "w"}}),
    ]:
        with pytest.raises(ValueError) as error:
            exported(tmp_path, fn, *args, **options)
        assert words in str(error.value), error.value


def test_values_travel_as_the_program_takes_them(tmp_path):
    product.export(lambda *x: x, 0.5, 3, True, np.arange(3.0), jnp.bfloat16(1.5), np.zeros((0, 2), np.float16),
                   path=str(tmp_path / "p.mlirbc"))
    values = stored(tmp_path / "p.safetensors")
    assert [values[f"x.{i}"].dtype for i in range(6)] == [np.float32, np.int32, np.bool_, np.float32,
                                                          ml_dtypes.bfloat16, np.float16]
    assert values["x.5"].shape == (0, 2)
    with pytest.raises(ValueError, match="key_data"):
        product.export(lambda key: key, jax.random.key(0), path=tmp_path / "q")
    assert not list(tmp_path.glob("q.*"))


def test_a_folder_can_be_moved(folder):
    (folder / "elsewhere").mkdir()
    for suffix in ("mlirbc", "json", "safetensors"):
        shutil.move(folder / f"count.{suffix}", folder / "elsewhere")
    assert run(folder, "elsewhere/count.mlirbc", "--stream", "x=xs.npy").startswith("4 steps")
