"""How work is measured: processes, interleaving, counters, instructions."""
