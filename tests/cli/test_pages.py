"""Manual pages and completion say what --help says: they are made from the same rows."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["TRAINSTONE_BUILD"])
COMMAND, PAGES = BUILD / "trainstone", BUILD / "pages"


def help_of(*words):
    return subprocess.run([COMMAND, *words, "--help"], capture_output=True, text=True, check=True).stdout


def verbs():
    block = help_of().split("\nVerbs\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in block.splitlines()]


def plain(page):
    """A page without macros and escapes, and its words alone."""
    text = re.sub(r"^\.(nf|fi|PP|TP)\n", "", page.read_text(), flags=re.M)
    text = re.sub(r"^\.(SH|B|BR) ", "", text, flags=re.M)
    return " ".join(text.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\").split())


def words_of(text):
    return " ".join(text.split())


@pytest.mark.parametrize("verb", verbs())
def test_page_has_every_word_of_help(verb):
    page = plain(PAGES / f"man1/trainstone-{verb}.1")
    text = help_of(verb)
    usage, rest = text.split("\n\n", 1)
    about, rest = rest.split("\nOptions\n")
    options, rest = rest.split("\nExamples\n")
    examples, codes = rest.split("\nExit codes\n")
    assert words_of(usage.removeprefix("usage: ")) in page
    for paragraph in about.split("\n\n"):
        assert words_of(paragraph) in page
    rows = re.split(r"\n  (?=    --|-\w, --)", "\n" + options)[1:]
    assert rows
    for row in rows:
        assert words_of(row) in page
    for line in examples.splitlines() + codes.splitlines():
        assert words_of(line) in page


def test_page_of_the_command():
    page = plain(PAGES / "man1/trainstone.1")
    text = help_of()
    for block in (text.split("\nVerbs\n")[1].split("\n\n")[0], text.split("\nEnvironment\n")[1]):
        for line in block.splitlines():
            name, words = line.split(maxsplit=1)
            assert name in page and words_of(words) in page
    assert {path.stem for path in (PAGES / "man1").iterdir()} == {"trainstone"} | {f"trainstone-{v}" for v in verbs()}


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
@pytest.mark.parametrize("page", sorted((PAGES / "man1").iterdir()), ids=lambda page: page.stem)
def test_page_is_right_for_roff(page):
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", page], capture_output=True, text=True)
    serious = [line for line in done.stderr.splitlines() if "can't break line" not in line
               and "cannot adjust line" not in line and "cannot break line" not in line]
    assert done.returncode == 0 and not serious, done.stderr


def complete(*words, cwd=None):
    script = (f'source {PAGES}/trainstone.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trainstone; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def test_completion_of_verbs():
    assert set(verbs()) <= set(complete("trainstone", ""))
    assert complete("trainstone", "expl") == ["explain"]


@pytest.mark.parametrize("verb", verbs())
def test_completion_of_options(verb):
    shown = set(re.findall(r"^  (?:    |-\w, )(--[\w-]+)", help_of(verb).split("\nOptions\n")[1], flags=re.M))
    assert shown and set(complete("trainstone", verb, "--")) == shown


def test_completion_of_values(tmp_path):
    (tmp_path / "step.mlirbc").touch()
    (tmp_path / "folder").mkdir()
    assert complete("trainstone", "run", "--instance", "trn1.2", cwd=tmp_path) == ["trn1.2xlarge"]
    assert complete("trainstone", "run", "st", cwd=tmp_path) == ["step.mlirbc"]
    assert complete("trainstone", "run", "--out", "", cwd=tmp_path) == ["folder"]
    assert complete("trainstone", "time", "--chip", "", cwd=tmp_path)[:2] == ["trn1", "inf2"]
