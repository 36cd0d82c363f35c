"""Browser assets: when they are current, which npm is used, and what is said when npm fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dashboard import vendor

LOCK = vendor.ROOT / "package-lock.json"


def test_the_lock_file_names_no_registry_and_pins_every_package() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if name and not entry.get("integrity")]
    wanted = json.loads((vendor.ROOT / "package.json").read_text(encoding="utf-8"))
    assert all(
        re.fullmatch(r"\d+\.\d+\.\d+", version) for version in (wanted["dependencies"] | wanted["devDependencies"]).values()
    )


def test_assets_are_current_until_the_recipe_or_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / "deck.mjs").write_text("export {}")
    vendor._manifest(tmp_path, "stamp")
    assert vendor.is_current(tmp_path, "stamp")
    assert not vendor.is_current(tmp_path, "another")
    (tmp_path / "deck.mjs").write_text("")
    assert not vendor.is_current(tmp_path, "stamp")
    assert not vendor.is_current(tmp_path / "absent", "stamp")


def test_without_a_machine_npm_the_one_in_the_wheel_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    command, environment = vendor.find_npm()
    assert Path(command[0]).name == "node"
    assert Path(command[1]).name == "npm-cli.js"
    assert environment["PATH"].startswith(str(Path(command[0]).parent))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "npm error code ENOTFOUND\nnpm error network request to https://r/x failed, reason: getaddrinfo ENOTFOUND r",
            "registry cannot be reached",
        ),
        ("npm error code EUSAGE\nnpm error `npm ci` can only install packages when in sync", "package-lock.json disagree"),
        ("npm error code E404\nnpm error 404 Not Found", "registry lacks a package"),
        ("npm error code ENOSPC\nnpm error nospc no space left on device", "disk is full"),
        ("npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed", "differs from the lock"),
        ("something new", "read the npm log"),
    ],
)
def test_a_failed_install_is_one_sentence_with_a_cure(output: str, said: str) -> None:
    sentence = vendor.explain(["npm", "ci"], 1, output)
    assert sentence.startswith("npm ci failed (exit 1): ")
    assert said in sentence
    assert "\n" not in sentence


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(vendor.VendorError, match=r"package-lock\.json is missing"):
        vendor.build(tmp_path, tmp_path / "vendor")
