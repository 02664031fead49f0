"""Which galaxies to ask about next."""
