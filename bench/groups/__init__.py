"""What is measured: each module has one group, whose `play` gives its results."""
