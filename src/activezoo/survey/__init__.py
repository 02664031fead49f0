"""Galaxies, their images, and what volunteers say of them."""
