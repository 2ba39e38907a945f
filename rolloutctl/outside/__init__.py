"""OUTSIDE: the only room that touches network, disk and clock."""
