"""What rolloutctl costs: time, processor and memory, beside bare ssh and other tools, on real servers on this machine.

arguments   what may be asked for
figures     medians, slopes, ratios
results     a table for people, JSON for machines
launch      runs one command and tells what it cost; a small program of its own
meter       asks launch, and compares contestants in turn
ground      the servers: those of tests/lab, or many thin ones
relay       a line with the delay of a long one
watch       a process that asks hosts for a page all the time
clients     what is compared: rolloutctl, ssh and the tools in tools/, all doing the same on a host
groups      what is measured: starts, trips, off, large, change, peers
"""
