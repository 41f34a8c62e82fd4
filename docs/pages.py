"""Run the code of a Markdown page in order, as its reader would, and make a notebook of it.

    python docs/pages.py run docs/look_inside.md         # in full, in a fresh folder; its pictures go to docs/pictures
    python docs/pages.py notebook docs/look_inside.md    # docs/notebooks/look_inside.ipynb

Blocks of `python` share one process and one namespace; one that opens with a comment `# NAME.py` is the contents of
that file. Blocks of `sh`, or without a language, are commands; those of `text` or `json` show output. A block
below `<!-- not run -->` needs what a fresh machine does not have.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DOCS = pathlib.Path(__file__).resolve().parent
BLOCK = re.compile(r"(?P<mark><!-- not run -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
PICTURE = re.compile(r"!\[[^\]]*\]\(pictures/([^)]+)\)")

# Settings that make a trial short and change no recipe. Flags are appended, and of two the last one counts.
SMALL_FLAGS = {
    "run": "--steps=4",
    "sample": "--num=80",
    "evaluate": "--num=40 --nll_k=2 --nll_images=8 --nocontrols",
    "latent": "--steps=4",
    "leaderboard": "--budget=4steps --seeds=1 --num=40",
}
SMALL_CODE = (
    (r"(\.fit\([^\n]*?)\bepochs=\d+", r"\1epochs=1, steps_per_epoch=2"),
    (r"\b(?:steps|epochs)=\d+(?!, steps_per_epoch)", "steps=4"),
    (r"\bnum=\d+", "num=40"),
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        kind: "python", "shell", "file", or "shown" for one that is not run.
        code: its text; of a file without the line that names it.
        line: number of its first line on the page.
        name: of the file.
    """

    kind: str
    code: str
    line: int
    name: str = ""


def blocks(text: str) -> list[Block]:
    """Returns the blocks of a page in order."""
    return [_block(match, text.count("\n", 0, match.start("code")) + 1) for match in BLOCK.finditer(text)]


def _block(match: re.Match, line: int) -> Block:
    language, code = match["language"], match["code"]
    if match["mark"] or language not in ("", "sh", "python"):
        return Block("shown", code, line)
    named = FILE.match(code) if language == "python" else None
    if named:
        return Block("file", code, line, named[1])
    return Block("python" if language == "python" else "shell", code, line)


def small(code: str, kind: str) -> str:
    """Returns the code of a block with settings that make it short."""
    if kind == "python":
        for pattern, replacement in SMALL_CODE:
            code = re.sub(pattern, replacement, code)
    elif kind == "shell":
        code = "\n".join(_small_command(line) for line in code.splitlines()) + "\n"
    return code


def _small_command(line: str) -> str:
    if line.startswith(("pip install", "pytest")):  # this environment stays as it is
        return "# " + line
    command, comment = re.fullmatch(r"(.*?)(\s*#.*)?", line).groups()
    modules = re.findall(r"-m tfgen\.(\w+)", command)
    flags = SMALL_FLAGS.get(modules[-1]) if modules else None  # of `launch -- python -m tfgen.run`, those of `run`
    return command + (f" {flags}" if flags else "") + (comment or "")


def run(page: pathlib.Path, quick: bool = False) -> None:
    """Runs the blocks of a page in the working folder.

    Args:
        page: the Markdown file.
        quick: with the settings of `small`.

    Raises:
        Exception: whatever a block of Python raises; `CalledProcessError` where a command fails.
    """
    namespace: dict = {"__name__": "__main__"}
    sys.path.insert(0, os.getcwd())
    for block in blocks(page.read_text(encoding="utf-8")):
        code = small(block.code, block.kind) if quick else block.code
        if block.kind != "shown":
            print(f"--- {page.name}:{block.line}\n{code}", flush=True)
        if block.kind == "python":  # line numbers of the page in tracebacks
            exec(compile("\n" * (block.line - 1) + code, str(page), "exec"), namespace)
        elif block.kind == "shell":
            subprocess.run(["bash", "-e", "-c", code], check=True, env=environment())
        elif block.kind == "file":
            pathlib.Path(block.name).write_text(code, encoding="utf-8")


def environment() -> dict[str, str]:
    """Returns the environment of a page's commands: `python` is this one, and tfgen that of this checkout."""
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")])
    packages = os.pathsep.join(filter(None, [str(DOCS.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PATH": path, "PYTHONPATH": packages}


def pictures(text: str) -> list[str]:
    """Returns the names of the pictures that a page shows, which its code has to write."""
    return PICTURE.findall(text)


def notebook(page: pathlib.Path) -> str:
    """Returns a page as the text of a notebook without outputs."""
    text, cells, end = page.read_text(encoding="utf-8"), [], 0
    for match in BLOCK.finditer(text):
        block = _block(match, 0)
        if block.kind != "shown":
            cells += [*_prose(text[end : match.start()]), _cell("code", _magic(block) + block.code.rstrip("\n"))]
            end = match.end()
    cells += _prose(text[end:])
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _magic(block: Block) -> str:
    # %%bash raises where a command fails, as `!` does not
    return {"shell": "%%bash -e\n", "file": f"%%writefile {block.name}\n"}.get(block.kind, "")


def _prose(text: str) -> list[dict]:
    text = re.sub(r"\]\((?!https?:|#)", "](../", text.strip().replace("<!-- not run -->\n", ""))
    return [_cell("markdown", text)] if text else []


def _cell(kind: str, source: str) -> dict:
    more = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True), **more}


def main() -> None:
    """Runs a page in full and keeps its pictures, or writes its notebook."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "notebook"))
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="with few steps and samples, and without keeping pictures")
    parser.add_argument("--folder", type=pathlib.Path, help="where to run; default: a new one")
    values = parser.parse_args()
    page = values.page.resolve()
    if values.action == "notebook":
        (DOCS / "notebooks" / f"{page.stem}.ipynb").write_text(notebook(page), encoding="utf-8")
        return
    os.environ.setdefault("MPLBACKEND", "agg")
    folder = (values.folder or pathlib.Path(tempfile.mkdtemp(prefix="page-"))).resolve()
    os.chdir(folder)
    run(page, values.quick)
    for name in pictures(page.read_text(encoding="utf-8")) if not values.quick else []:
        shutil.copy(folder / name, DOCS / "pictures" / name)


if __name__ == "__main__":
    main()
