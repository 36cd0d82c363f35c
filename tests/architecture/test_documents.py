"""Documents are true: paths, targets, commands, settings, screens and benchmarks that they name are there."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache

import pytest

from dashboard.screens import SCREENS
from layouts.words import Words
from runtime.cli import _parser
from runtime.settings import VARIABLES
from tests.support.source import PACKAGES, ROOT, document, kept_files, told

DOCUMENTS = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md", "docs/operations.md",
    "docs/performance.md", "docs/city.md", "docs/halls.md", "docs/decisions/README.md",
)  # fmt: skip
MADE_LATER = re.compile(
    r"NNNN|THIRD_PARTY_NOTICES|^\.env$|^\.venv|^\.cityhelm|dashboard/static/vendor|^/|\.\.\.|…|compose\.override"
)
"""Names of what an installation, its operator or a migration to come will have."""


def _documents() -> list[str]:
    decisions = sorted(path for path in kept_files() if path.startswith("docs/decisions/") and path.endswith(".md"))
    return sorted({*DOCUMENTS, *decisions})


def _quoted(text: str) -> Iterator[str]:
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def _commands(text: str) -> Iterator[str]:
    """Lines of code blocks and quoted pieces, without prompts and comments."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL):
        yield from (line.split(" # ")[0].strip() for line in block.replace("\\\n", " ").splitlines())
    yield from _quoted(text)


def _names_a_path(quoted: str) -> bool:
    first = quoted.split("/")[0]
    if not re.fullmatch(r"[\w.*/-]+", quoted) or MADE_LATER.search(quoted):
        return False
    return ("/" in quoted and (ROOT / first).is_dir()) or bool(
        re.search(r"[\w*]\.(py|md|toml|ya?ml|json|sql|txt|sh|js|css)$", quoted)
    )


def _exists(path: str) -> bool:
    """From the root, or, for a bare name, anywhere in the product."""
    if "*" not in path and (ROOT / path).exists():
        return True
    if "/" in path:
        return any(ROOT.glob(path.rstrip("/")))
    return any(kept.rsplit("/", 1)[-1] == path for kept in kept_files())


@pytest.mark.parametrize("name", _documents())
def test_every_path_that_is_named_exists(name: str) -> None:
    text = document(name)
    folder = (ROOT / name).parent
    links = {link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?:|#|mailto:", link)}
    dead = [link for link in sorted(links) if not (folder / link).exists() and not MADE_LATER.search(link)]
    missing = [quoted for quoted in sorted(set(_quoted(text))) if _names_a_path(quoted) and not _exists(quoted)]
    assert not dead + missing, told(dead + missing, f"{name} names what is not there:")


@pytest.mark.parametrize("name", _documents())
def test_every_object_that_is_named_exists(name: str) -> None:
    """`storage.acts.begin`, `dispatch.orders.issue(…)`; and in the glossary `domain/orders.py` `check_order`."""
    missing = []
    text = document(name)
    for quoted in set(_quoted(text)):
        dotted = re.fullmatch(rf"((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\(.*\))?", quoted)
        if dotted and not _names_a_path(quoted) and not _resolves(dotted[1]):
            missing.append(quoted)
    for path, listed in re.findall(r"`(\w+(?:/\w+)*\.py)` ((?:`\w+`(?! table| view)(?:, )?)+)", text):
        module = path.removesuffix(".py").replace("/", ".")
        missing += [f"{path} {word}" for word in re.findall(r"`(\w+)`", listed) if not _resolves(f"{module}.{word}")]
    assert not missing, told(missing, f"{name} names what is not there:")


def _resolves(dotted: str) -> bool:
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


@pytest.mark.parametrize("name", _documents())
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", document("Makefile"), re.MULTILINE))
    named = {target for command in _commands(document(name)) for target in re.findall(r"^make ([a-z-]+)(?=\s|$)", command)}
    assert named <= targets


@cache
def _subcommands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = [action.choices for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(choices)


@pytest.mark.parametrize("name", _documents())
def test_every_command_that_is_named_exists(name: str) -> None:
    named = {
        sub for command in _commands(document(name)) for sub in re.findall(r"(?:^|\s|/)cityhelm ([a-z][a-z-]*)(?=\s|$)", command)
    }
    assert named <= _subcommands().keys()


@pytest.mark.parametrize("name", _documents())
def test_every_command_line_that_is_shown_is_understood(name: str) -> None:
    """Lines of code blocks that begin with cityhelm: the parser takes their arguments."""
    wrong = [line for line in _command_lines(document(name)) if not _is_understood(line)]
    assert not wrong, told([" ".join(line) for line in wrong], f"{name} shows:")


def _command_lines(text: str) -> Iterator[list[str]]:
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s[&|;]+(?:\s|$)", line):
                said = shlex.split(part, comments=True)
                while said and re.match(r"[A-Z_]+=", said[0]):
                    said.pop(0)
                if said and said[0].rsplit("/", 1)[-1] == "cityhelm":
                    yield said[1:]


def _is_understood(arguments: list[str]) -> bool:
    try:
        _parser().parse_args(arguments)
    except SystemExit as refusal:
        return refusal.code == 0
    return True


@pytest.mark.parametrize("name", _documents())
def test_every_benchmark_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"cityhelm bench ([a-z_]+)", document(name))) | set(
        re.findall(r"make bench NAME=([a-z_]+)", document(name))
    )
    missing = sorted(bench for bench in named if not (ROOT / f"benchmarks/{bench}.py").exists())
    assert not missing, told(missing, f"{name} names benchmarks that are not there:")


def test_every_benchmark_is_in_the_performance_table() -> None:
    shown = document("docs/performance.md") + document("docs/city.md")
    missing = [
        p.stem for p in (ROOT / "benchmarks").glob("*.py") if not p.stem.startswith("_") and f"bench {p.stem}" not in shown
    ]
    assert not missing, told(missing, "docs/performance.md does not show:")


def test_every_setting_is_in_the_example_with_its_default_and_nothing_else() -> None:
    shown = re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", document(".env.example"), re.MULTILINE)
    composition = set(re.findall(r"\$\{([A-Z_]+)", document("docker-compose.yml"))) - {v.name for v in VARIABLES}
    assert [pair for pair in shown if pair[0] not in composition] == [(v.name, v.default) for v in VARIABLES]


def test_every_setting_that_a_document_names_exists() -> None:
    known = {variable.name for variable in VARIABLES}
    unknown = {
        f"{name}: {setting}"
        for name in _documents()
        for setting in re.findall(r"\bCITYHELM_[A-Z_]+", document(name))
        if setting not in known
    }
    assert unknown == set()


def test_every_screen_is_in_the_readme_in_both_languages_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(/[\w/-]*)` \| ([^|]+?) \|", document("README.md"), re.MULTILINE)
    assert rows == [(screen.path, f"{Words('zh')(screen.title_key)} {Words('en')(screen.title_key)}") for screen in SCREENS]


def test_every_package_is_in_the_readme_and_in_the_architecture() -> None:
    for name in ("README.md", "ARCHITECTURE.md"):
        text = document(name)
        assert [package for package in PACKAGES if not re.search(rf"\b{package}\b", text)] == []


def test_every_decision_is_numbered_listed_and_says_what_why_and_at_what_price() -> None:
    records = sorted(path for path in kept_files() if re.match(r"docs/decisions/\d{4}-[a-z-]+\.md$", path))
    assert [int(path[15:19]) for path in records] == list(range(1, len(records) + 1))
    index = document("docs/decisions/README.md")
    for path in records:
        text = document(path)
        number, title = re.findall(r"\A# (\d{4}) · (.+)\n", text)[0]
        assert number == path[15:19]
        assert f"- [{number}]({path.removeprefix('docs/decisions/')}) · {title}" in index
        for part in ("**Decided.**", "**Why", "**Price.**"):
            assert part in text, f"{path} lacks {part}"


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads(document("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", document("CHANGELOG.md"), re.MULTILINE)
    assert f"image: cityhelm:{version}\n" in document("docker-compose.yml")


def test_the_pictures_are_real_files() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", document("README.md")):
        assert (ROOT / picture).is_file(), picture
        assert (ROOT / picture).stat().st_size > 10_000, picture
