"""How steps are run: configuration, commands, processes, progress."""
