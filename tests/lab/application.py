"""The Laravel application of one host: laid out on disk, built once, broken in real ways, and put back as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Layout = Literal["plain", "deployer"]
Fault = Literal["syntax", "throws", "throws-aside", "hangs", "volatile"]
Illness = Literal["", "garbled", "silent"]

_TEMPLATE = Path(__file__).parent / "app"
_STORAGE = ("app", "logs", "framework/cache/data", "framework/views")

# In the file as written, and as the application reads it where that differs. Made up, and put together here so that
# no scanner of repositories takes them for real ones.
_KEY_LINES = (
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
    "q8f2LmZ0pYh1sVtXw9GJdU3nRk5bTQeCzK4oHy6uWcA+Mv==",
)
_KEY_FRAME = ("-----BEGIN " + "PRIVATE KEY-----", "-----END " + "PRIVATE KEY-----")
_WRITTEN = {
    "APP_KEY": "base64:yS4vGq0cUuXb6oPq3h1mJw7RkZ2tN9eLd5aF8sTzVxE=",
    "DB_PASSWORD": r'"s3cr#t pa=ss\"wörd\\9$"',
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/T0LAB0LAB/B0LAB0LAB/x7Kd93mQpZs2Lw8VtR4n",
    "CALENDAR_PRIVATE_KEY": "\n".join((_KEY_FRAME[0], *_KEY_LINES, _KEY_FRAME[1])),
}
DB_PASSWORD = 's3cr#t pa=ss"wörd\\9$'  # noqa: S105 - of no database

SECRETS: tuple[str, ...] = (
    _WRITTEN["APP_KEY"],
    _WRITTEN["APP_KEY"].removeprefix("base64:"),
    _WRITTEN["DB_PASSWORD"].strip('"'),
    DB_PASSWORD,
    DB_PASSWORD[:12],  # in whatever way the rest is escaped
    _WRITTEN["SLACK_WEBHOOK_URL"],
    *_KEY_LINES,
)
"""What must never be seen outside `.env` and the config cache; search for each."""

_FAULTS: dict[Fault, tuple[str, str]] = {
    "syntax": ("broken", "<?php\n\nreturn [\n    'half' => true\n"),
    "throws": (
        "throws",
        "<?php\n\nthrow new RuntimeException('Access denied (using password: '.env('DB_PASSWORD').')');\n",
    ),
    "throws-aside": (
        "throws",
        "<?php\n\nif (getenv('APP_CONFIG_CACHE')) {\n"
        "    throw new RuntimeException('Access denied (using password: '.env('DB_PASSWORD').')');\n}\n\nreturn [];\n",
    ),
    "hangs": ("hangs", "<?php\n\nsleep(600);\n\nreturn [];\n"),
    "volatile": ("build", "<?php\n\nreturn ['at' => microtime(true)];\n"),
}

_Entry = tuple[int, int, int, int, int, str]


@dataclass(slots=True)
class Application:
    """The application in `folder`, in one of the layouts, owned by `owner` (uid and gid) or by whoever runs the lab.

    Its php is the one in `programs`.
    """

    folder: Path
    layout: Layout
    owner: tuple[int, int] | None
    programs: Path
    _pristine: dict[str, _Entry] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where a configuration says that the application is."""
        return self.folder / "current" if self.layout == "deployer" else self.folder

    @property
    def release(self) -> Path:
        """Where its code really is."""
        return self.folder / "releases" / "1" if self.layout == "deployer" else self.folder

    @property
    def shared(self) -> Path:
        """Where `.env` and storage really are."""
        return self.folder / "shared" if self.layout == "deployer" else self.folder

    @property
    def env_path(self) -> Path:
        """The file behind `.env`."""
        return self.shared / ".env"

    @property
    def cache_path(self) -> Path:
        """The live config cache."""
        return self.release / "bootstrap" / "cache" / "config.php"

    def install(self, links: dict[str, Path]) -> None:
        """Lay the application out, with `links` in its code's folder, build its config cache, and remember it all."""
        shutil.copytree(_TEMPLATE, self.release, ignore=shutil.ignore_patterns("env.template"))
        (self.release / "bootstrap" / "cache").mkdir()
        for name in _STORAGE:
            (self.shared / "storage" / name).mkdir(parents=True)
        self.env_path.write_text(_env_text(), encoding="utf-8")
        self.env_path.chmod(0o640)
        if self.layout == "deployer":
            self._link_as_deployer_does()
        for name, target in links.items():
            (self.release / name).symlink_to(target)
        self._own()
        self.rebuild_cache()
        self.age_cache()
        shutil.copytree(self.folder, self._kept, symlinks=True)
        self._pristine = self._entries()

    def artisan(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run artisan as a person on the host would, with nothing of our own environment but PATH."""
        return self.artisan_in(self.path, *arguments, **environment)

    def artisan_in(self, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same in another release."""
        return subprocess.run(
            [self.programs / "php", "artisan", *arguments],
            cwd=folder,
            env={"PATH": f"{self.programs}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=self.owner[0] if self.owner else None,
            group=self.owner[1] if self.owner else None,
            extra_groups=() if self.owner else None,
        )

    def rebuild_cache(self) -> None:
        """`php artisan config:cache`, the usual way, over the live one."""
        done = self.artisan("config:cache")
        # Where it may not write, artisan complains and ends with 0.
        assert (done.returncode, self.cache_path.exists()) == (0, True), done.stdout + done.stderr

    def age_cache(self) -> None:
        """Make the config cache an hour old, for opcache keeps files younger than 2 s out."""
        an_hour_ago = time.time() - 3600
        os.utime(self.cache_path, (an_hour_ago, an_hour_ago))

    def edit_env(self, old: str, new: str) -> None:
        """Edit `.env` in place, as a person with an editor; `old` must be there."""
        text = self.env_path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in .env"
        self.env_path.write_text(text.replace(old, new), encoding="utf-8")

    def break_config(self, fault: Fault) -> Path:
        """Leave a config file that shows its fault when the cache is next built; gives the file."""
        name, text = _FAULTS[fault]
        path = self.release / "config" / f"{name}.php"
        path.write_text(text, encoding="utf-8")
        self._own()
        return path

    def make_ill(self, while_on: str = "", how: Illness = "") -> None:
        """Every page answers 500, or does so while the feature `while_on` is on.

        `garbled`: with a 200 that holds something else; `silent`: only after 5 seconds.
        """
        (self.shared / "storage" / "app" / "ill").write_text(f"{while_on}\n{how}", encoding="utf-8")

    def heal(self) -> None:
        """Undo `make_ill`."""
        (self.shared / "storage" / "app" / "ill").unlink(missing_ok=True)

    def restore(self) -> bool:
        """Put every file back; says whether any but those in storage had changed."""
        if self._entries() == self._pristine:
            self._empty_storage()
            return False
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._kept, self.folder, symlinks=True)
        self._own()
        self._pristine = self._entries()
        return True

    @property
    def _kept(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.pristine")

    def _link_as_deployer_does(self) -> None:
        (self.folder / ".dep").mkdir()
        (self.folder / "current").symlink_to("releases/1")
        (self.release / ".env").symlink_to("../../shared/.env")
        (self.release / "storage").symlink_to("../../shared/storage")

    def _own(self) -> None:
        if self.owner:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, *self.owner, follow_symlinks=False)

    def _empty_storage(self) -> None:
        for path in (self.shared / "storage").rglob("*"):
            if not path.is_dir():
                path.unlink()

    def _entries(self) -> dict[str, _Entry]:
        """Whatever would tell a changed file, but for what the application itself writes."""
        found: dict[str, _Entry] = {}
        for root, folders, files in os.walk(self.folder):
            if root == str(self.shared):
                folders[:] = [name for name in folders if name != "storage"]
            for name in (*folders, *files):
                path = os.path.join(root, name)
                found[path] = _entry(path)
        return found


def _env_text() -> str:
    text = (_TEMPLATE / "env.template").read_text(encoding="utf-8")
    for key, written in _WRITTEN.items():
        text = text.replace(f"@{key}@", written)
    return text


def _entry(path: str) -> _Entry:
    seen = os.lstat(path)
    if os.path.isdir(path) and not os.path.islink(path):
        return (seen.st_mode, seen.st_uid, 0, 0, 0, "")
    target = os.readlink(path) if os.path.islink(path) else ""
    return (seen.st_mode, seen.st_uid, seen.st_size, seen.st_mtime_ns, seen.st_ino, target)
