"""The ways to hosts over SSH, by paramiko and by the machine's own ssh: routes, host keys, logins, words."""

import sys


def load_paramiko() -> None:
    """Import paramiko without invoke, which takes half of its time.

    Only its reader of ssh_config wants that, for `Match exec`; here `ssh -G` reads the file. It does without where
    invoke is not installed, and so looks here: what stands as None can't be imported.
    """
    if "invoke" in sys.modules or "paramiko" in sys.modules:
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        import paramiko  # noqa: F401, PLC0415 - not for what needs no SSH
    finally:
        del sys.modules["invoke"]
