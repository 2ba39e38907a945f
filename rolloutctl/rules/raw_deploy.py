"""What `deploy` and `tasks` of environments.yaml may hold: each key with its type, default and description."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from rolloutctl.rules import deploys
from rolloutctl.rules.raw_types import Duration, Keys, Names, Switch, Text, about, type_of

Ref = Annotated[
    str,
    Meta(pattern=deploys.REF),
    type_of("a branch, a tag or a commit: letters, digits and . _ / + -", check=deploys.ref_problem),
]
# Without a pattern: msgspec can't take one in a text that may also be a list.
Files = Annotated[
    str | list[str], type_of("a file in the application's folder, or a list of them", check=deploys.files_problem)
]


class DeployStepKeys(Keys):
    """A step of a deployment: `run` or `builtin`."""

    name: Annotated[Text | None, about("What the step is called; a builtin has a name of its own")] = None
    run: Annotated[
        Text | None,
        about("A shell line, run on the host in the folder of the application; {ref} and {release} are filled in"),
    ] = None
    builtin: Annotated[
        Annotated[Literal["config-cache", "steps"], type_of("config-cache or steps")] | None,
        about("config-cache: built aside and swapped in; steps: all `steps` of the environment, in their order"),
    ] = None
    timeout: Annotated[Duration, about("How long the step may take")] = "5m"
    once: Annotated[Switch, about("On the first host only")] = False
    when: Annotated[
        Files | None, about("Only where one of these files is another than when the step succeeded last on that host")
    ] = None


class DeployFlagsKeys(Keys):
    """What a deployment does about flags."""

    default: Annotated[
        Annotated[Literal["off", "keep"], type_of("off or keep")],
        about("off: a declared flag that .env does not have is added to it as false; keep: .env is left alone"),
    ] = "off"


class DeployKeys(Keys):
    """How code comes to an environment: by `steps`, or by somebody else and is only verified."""

    steps: Annotated[list[DeployStepKeys], about("What a deployment does on each host, in this order")] = []
    verify_only: Annotated[
        Switch, about("A pipeline deploys here: `deploy` looks what is live, and whether it is as it should be")
    ] = False
    ref: Annotated[Ref | None, about("What is deployed when nobody names a branch, a tag or a commit")] = None
    commit: Annotated[Text, about("A shell line that prints which commit is live on a host")] = deploys.COMMIT
    flags: Annotated[DeployFlagsKeys | None, about("What a deployment does about flags")] = None


class TaskKeys(Keys):
    """A named command: where it may run, and how."""

    run: Annotated[Text, about("A shell line: on the host in the folder of the application, here beside this file")]
    environments: Annotated[Names, about("Where it may run, and nowhere else")]
    on: Annotated[
        Annotated[Literal["host", "here"], type_of("host or here")],
        about("host: on the environment's first host; here: on the machine of whoever runs rolloutctl"),
    ] = "host"
    confirm: Annotated[Switch, about("Ask for the environment's name, typed")] = False
    timeout: Annotated[Duration, about("How long it may take")] = "10m"
    description: Annotated[
        Annotated[str, type_of("text (put a number in quotes)")], about("What it does, for people")
    ] = ""
