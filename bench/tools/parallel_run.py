"""parallel-ssh: runs the line on every host at once, over libssh2. For the Python of --peers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pssh.clients import ParallelSSHClient  # type: ignore[import-not-found] # in an environment of its own
from pssh.config import HostConfig  # type: ignore[import-not-found] # as above

hosts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
client = ParallelSSHClient(
    [host["address"] for host in hosts],
    host_config=[HostConfig(user=host["user"], port=host["port"], private_key=host["key"]) for host in hosts],
    pool_size=len(hosts),
    allow_agent=False,
)
outputs = client.run_command(sys.argv[2])
client.join(outputs)
for output in outputs:
    if output.exit_code != 0:
        sys.exit(f"exit {output.exit_code}: {list(output.stderr)}")
