"""Every error of a change says where, in what state things are, and the next command; and every command exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rolloutctl import errors
from rolloutctl.cli.main import command_line
from tests.docs.pages import PACKAGE, read

CHANGING = [*sorted((PACKAGE / "workflows").glob("*.py")), PACKAGE / "fleet.py", PACKAGE / "rules" / "locks.py"]
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"Busy", "Drifted"}
# Another message takes these up, and says the rest.
PARTS = {
    "was lost",
    "cannot be reached",
    "the connection is gone",
    "it gave no answer",
    ".env cannot be read by the user {}.",
}
NEEDS_NO_COMMAND = {"You did not agree."}
SAYS_ITS_STATE = {"_how_it_ended(change)"}
NAMES_ITS_PLACE = {"There is nothing to undo in {}."}
# init's and doctor's words are of their own: they change no host.
ELSEWHERE = {"init.py", "init_rollout.py", "doctor.py", "trust.py", "absent.py"}


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """Where an error is made in a workflow, its message, and which of its parts are given."""
    for path in CHANGING:
        for node in ast.walk(ast.parse(read(path))) if path.name not in ELSEWHERE else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                message = ast.unparse(node.args[0]) if node.args else ""
                words = re.sub(r"\{[^}]*\}", "{}", message).removeprefix("f").strip("'\"")
                yield f"{path.name}:{node.lineno}", words, {str(each.arg) for each in node.keywords}


def wanted(message: str) -> set[str]:
    without = {"hint": NEEDS_NO_COMMAND, "subject": NAMES_ITS_PLACE, "state": SAYS_ITS_STATE}
    return {part for part in ("subject", "state", "hint") if message not in without.get(part, ())}


def test_an_error_of_a_change_says_where_what_state_and_what_next() -> None:
    found = list(raised())
    assert len(found) > 20
    lacking = {
        f"{where} {message}": missing
        for where, message, given in found
        if message not in PARTS and (missing := wanted(message) - given)
    }
    assert lacking == {}


def texts_in(module: ast.Module) -> Iterator[str]:
    """Every text in a module that is no docstring."""
    docstrings = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_every_command_that_a_text_names_exists() -> None:
    app = command_line()
    known = {getattr(command.callback, "__name__", "") for command in app.registered_commands}
    known |= {str(group.typer_instance.info.name) for group in app.registered_groups if group.typer_instance}
    named = {
        command
        for path in PACKAGE.rglob("*.py")
        for text in texts_in(ast.parse(read(path)))
        for command in re.findall(r"(?:^|: |\n)rolloutctl ([a-z]+)\b", text)
    }
    assert known
    assert len(named) > 5
    assert named - {"sends"} <= known  # a sentence that begins with our name
