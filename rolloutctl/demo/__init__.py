"""The embedded host: an SSH server and a tiny application, for a first run and for tests."""
