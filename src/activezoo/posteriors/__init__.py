"""What posteriors are worth, and how they are mended."""
