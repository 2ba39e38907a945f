"""FRONT DESK: argv in, words and an exit status out; one module a command."""
