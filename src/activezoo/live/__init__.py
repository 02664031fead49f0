"""Asking people: asks, the page that shows their galaxies, and the votes that come back."""
