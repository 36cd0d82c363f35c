"""The checkout as text: product modules with their syntax trees, documents, everything that is kept in version control."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tuple(
    sorted(
        path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("tests", "benchmarks", "node_modules")
    )
)


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path from the root, its dotted name, its text and syntax tree."""

    path: str
    name: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def is_door(self) -> bool:
        """Whether it acts: it may read the clock, the broker, the database."""
        return self.name.rsplit(".", 1)[-1] == "service"

    def places(self, nodes: list[ast.AST]) -> list[str]:
        """Where the nodes stand, for a message one can click."""
        return [f"{self.path}:{getattr(node, 'lineno', 1)}" for node in nodes]

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """(dotted name as written, call) of every call."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


@cache
def product_modules() -> tuple[Module, ...]:
    return tuple(_module(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))


@cache
def all_modules() -> tuple[Module, ...]:
    """Product, tests and benchmarks."""
    others = [path for folder in ("tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
    return (*product_modules(), *map(_module, others))


def _module(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    return Module(str(relative), name, text, ast.parse(text, str(relative)))


@cache
def kept_files() -> tuple[str, ...]:
    """Every file that is, or would be, kept in version control; in an export without it, every file that is not ours to hide."""
    asked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if asked.returncode == 0:
        return tuple(path for path in asked.stdout.splitlines() if (ROOT / path).is_file())
    hidden = {".venv", "node_modules", "__pycache__", "vendor"}
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(str(path) for path in sorted(found) if not hidden & set(path.parts) and not path.parts[0].startswith("."))


def kept_texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every kept file that is text."""
    for path in kept_files():
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def document(name: str) -> str:
    """The text of a document; fails with its name when it is not there."""
    path = ROOT / name
    assert path.is_file(), f"{name} is missing: expected it in the checkout"
    return path.read_text(encoding="utf-8")


def told(places: list[str], expectation: str = "") -> str:
    """A list of places for an assertion's message, one a line."""
    return "\n".join([expectation, *places])
