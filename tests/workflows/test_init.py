"""init's story on this machine: which of several applications it takes, and when it asks or refuses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutctl.cli.interview import Asker
from rolloutctl.errors import Refused
from rolloutctl.outside import local
from rolloutctl.outside.new_file import NewYamlFile
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.survey import HostSurvey
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.config import Host
from rolloutctl.rules.questions import Question
from rolloutctl.workflows.init import Drafted, Outside, Request, init
from tests.outside.trees import NGINX, application

SILENT = Asker(silent=True)


@dataclass(slots=True)
class Person:
    """Gives these answers, and then takes what is offered."""

    answers: list[str] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    present = True

    def ask(self, question: Question) -> str:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else question.default

    def tell(self, words: str) -> None:
        self.told.append(words)


@pytest.fixture
def tree() -> Iterator[Path]:
    """Two applications below /var/www."""
    folder = Path(tempfile.mkdtemp(prefix="tree-"))
    for name in ("blog", "shop"):
        application(folder / "var/www" / name)
    yield folder
    shutil.rmtree(folder)


def drafted(tree: Path, interview: Person | Asker, request: Request | None = None) -> Drafted:
    def survey(host: Host) -> HostSurvey:
        return HostSurvey(host, local.connect(host), str(tree))

    file = NewYamlFile(tree)
    outside = Outside(surveys=survey, sessions=open_session, interview=interview, file=file, introduce=lambda _: False)
    return init(request or Request(hosts=("local",)), outside)


def test_of_several_applications_none_is_taken_unasked(tree: Path) -> None:
    with pytest.raises(Refused) as told:
        drafted(tree, SILENT)
    assert "--app PATH" in told.value.hint
    assert [line.split()[0] for line in told.value.details] == [f"{tree}/var/www/blog", f"{tree}/var/www/shop"]
    assert not (tree / "environments.yaml").exists()


def test_a_folder_without_an_application_is_refused_with_what_to_name(tree: Path) -> None:
    with pytest.raises(Refused, match="There is no artisan in the folder") as told:
        drafted(tree, SILENT, Request(hosts=("local",), app=str(tree)))
    assert "--no-look" in told.value.hint
    assert not (tree / "environments.yaml").exists()


def test_the_one_that_a_web_server_serves_is_taken_and_its_name_is_the_url(tree: Path) -> None:
    sites = tree / "etc/nginx/sites-enabled"
    sites.mkdir(parents=True)
    (sites / "shop").write_text(NGINX.format(root=tree / "var/www/shop/public"))
    proposal = drafted(tree, SILENT).proposal
    assert (proposal.app, proposal.url) == (f"{tree}/var/www/shop", "https://shop.example.com")


def test_a_person_chooses_and_chooses_again_where_nothing_is(tree: Path) -> None:
    person = Person(["staging", "/nowhere", f"{tree}/var/www/blog"])
    found = drafted(tree, person)
    assert (found.proposal.app, found.proposal.environment) == (f"{tree}/var/www/blog", "staging")
    assert "There is no such folder: /nowhere." in person.told
    assert [value for value, _ in person.asked[1].choices] == [f"{tree}/var/www/blog", f"{tree}/var/www/shop"]
    assert len({question.option for question in person.asked}) == 4


def test_keys_without_an_application_that_starts_are_flags_whose_config_is_not_compared(tree: Path) -> None:
    found = drafted(tree, SILENT, Request(hosts=("local",), app=f"{tree}/var/www/shop"))
    assert found.seen is not None
    assert found.seen.closer.mute
    assert found.seen.closer.fault is None
    flags = load(tree / "environments.yaml", {}).flags
    assert flags["portal"].companies_key == "FEATURE_PORTAL_COMPANIES"
    assert {flag.config for flag in flags.values()} == {None}
