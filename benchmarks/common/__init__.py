"""What every part of the lab may use: git, exit codes, options, progress, statistics."""
