"""Fabric: runs the line on every host at once, each in a thread. For the Python of --peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fabric import Config, Connection, ThreadingGroup  # type: ignore[import-not-found] # in an environment of its own

hosts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
connections = [
    Connection(
        host["address"],
        user=host["user"],
        port=host["port"],
        config=Config(overrides={"load_ssh_configs": False}),
        connect_kwargs={"key_filename": host["key"], "allow_agent": False, "look_for_keys": False},
    )
    for host in hosts
]
ThreadingGroup.from_connections(connections).run(sys.argv[2], hide=True)
