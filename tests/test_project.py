"""What holds for the project as a whole: the rooms and who may import what, the wheel, the pinned packages."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rolloutctl

ROOT = Path(rolloutctl.__file__).parent.parent
PACKAGE = ROOT / "rolloutctl"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A line of the map: the room, two blanks or more, what it is for.
ROOMS = re.findall(r"^(\w+) {2,}\S", rolloutctl.__doc__ or "", re.MULTILINE)

# Where a package may be imported, as the beginnings of paths below rolloutctl/; a package that is not here: anywhere.
HOMES = {
    "typer": ("cli/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "paramiko": ("outside/", "demo/"),
    "httpx": ("outside/",),
    "jinja2": ("outside/templates.py",),
    "icalendar": ("outside/calendar_file.py",),
    "sqlite3": ("outside/sample_file.py", "outside/sample_store.py"),
    "yaml": ("outside/yaml_tree.py", "outside/glance.py"),
}

# What reads the world, or differs from run to run: no business of a decision.
WORLDLY = {"os", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time", "uuid"}

HEAVY = {"paramiko", "httpx", "jinja2", "icalendar"}


def test_the_map_names_every_room_and_no_other() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    pages = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert set(ROOMS) == folders | pages
    assert len(ROOMS) == len(set(ROOMS))


def test_the_linter_of_imports_has_the_rooms_in_the_order_of_the_map() -> None:
    (contract,) = pyproject()["tool"]["importlinter"]["contracts"]
    assert contract["layers"] == ROOMS


def test_a_room_imports_only_from_rooms_below_its_own() -> None:
    upward = [
        f"{named(module)} imports {imported}"
        for module in MODULES
        for imported in imports(module)
        if (room := room_of(imported)) and not may_import(module, room)
    ]
    assert upward == []


def test_each_package_is_imported_only_where_it_is_at_home() -> None:
    strays = [
        f"{named(module)} imports {imported}"
        for module in MODULES
        for imported in imports(module)
        if not named(module).startswith(HOMES.get(imported.partition(".")[0], ""))
    ]
    assert strays == []


def test_a_decision_does_not_look_at_the_world() -> None:
    glances = [
        f"{named(module)} imports {imported}"
        for module in MODULES
        if named(module).startswith("rules/")
        for imported in imports(module)
        if imported.partition(".")[0] in WORLDLY
    ]
    assert glances == []


def test_every_module_opens_with_what_belongs_there() -> None:
    silent = [named(module) for module in MODULES if not ast.get_docstring(parsed(module))]
    assert silent == []


def test_nothing_is_left_to_be_written() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b")
    places = [named(path) for path in package_files() if unfinished.search(path.read_text(encoding="utf-8"))]
    assert places == []


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option: str) -> None:
    program = f"""
import sys
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.main import run
status = run(Invocation(("{option}",)))
assert status == 0, status
assert not (heavy := {HEAVY} & set(sys.modules)), heavy
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout


def test_paramiko_is_loaded_without_what_reads_no_file_here() -> None:
    program = """
import sys
from rolloutctl.outside.ssh import load_paramiko
load_paramiko()
from rolloutctl.outside.ssh import paramiko_connection
assert "paramiko" in sys.modules
assert "invoke" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("rolloutctl-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {"rolloutctl/py.typed", "rolloutctl/outside/session_sh/begin.sh", "rolloutctl/outside/host.php"} <= names
    assert {f"rolloutctl/{named(path)}" for path in package_files()} <= names


def test_every_package_is_pinned_by_hashes_and_no_registry_is_named() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)==[\w.]+ \\\n {4}--hash=sha256:[0-9a-f]{64}", constraints, re.MULTILINE)
    assert pins == re.findall(r"^([\w.-]+)", constraints, re.MULTILINE)
    assert declared_packages() <= set(pins)
    assert "://" not in constraints
    assert "index" not in constraints


def imports(module: Path) -> Iterator[str]:
    """Every import of a module, also those inside functions and under TYPE_CHECKING, as full dotted names."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = [*("rolloutctl", *module.relative_to(PACKAGE).parts)[: -node.level]] if node.level else []
            source = ".".join([*start, *filter(None, [node.module])])
            yield from (f"{source}.{name.name}" for name in node.names)


def room_of(imported: str) -> str | None:
    """The room that a dotted name leads to; None for what is no room of ours, as `rolloutctl.__version__`."""
    package, _, rest = imported.partition(".")
    room = rest.partition(".")[0]
    return room if package == "rolloutctl" and room in ROOMS else None


def may_import(module: Path, room: str) -> bool:
    own = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__main__":
        return room == "cli"
    return own in ROOMS and ROOMS.index(room) >= ROOMS.index(own)


def package_files() -> list[Path]:
    return [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared_packages() -> set[str]:
    project = pyproject()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in wanted}
