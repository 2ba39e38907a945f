"""The ways to hosts over SSH, by paramiko and by the machine's own ssh: routes, host keys, logins, words."""
