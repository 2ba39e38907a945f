"""rolloutctl: open a Laravel feature carefully on several servers, and close it fast.

The map, top to bottom. A room imports only from rooms below its own:

cli        FRONT DESK  argv in, words and an exit status out; the only room with typer and rich
workflows  STORYLINES  one file a promise: toggle, rollback, status, rollout, monitor, audit, health, doctor, init
fleet      ALL OR NONE  many hosts as one: all commit, or every host is put back
outside    OUTSIDE  the only room that touches network, disk and clock
demo       the embedded host: an SSH server and a tiny application
contracts  what the rooms above may ask of the outside, as Protocols, on one page
rules      DECISIONS  pure: same input, same output
errors     WHAT CAN GO WRONG  each error with its exit status and the next command
"""

__version__ = "0.1.0"
