"""The hosts, as pyinfra wants them: from the file that BENCH_HOSTS names."""

from __future__ import annotations

import json
import os
from pathlib import Path

hosts = [
    (
        host["name"],
        {
            "ssh_hostname": host["address"],
            "ssh_port": host["port"],
            "ssh_user": host["user"],
            "ssh_key": host["key"],
            "ssh_known_hosts_file": host["known_hosts"],
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        },
    )
    for host in json.loads(Path(os.environ["BENCH_HOSTS"]).read_text(encoding="utf-8"))
]
