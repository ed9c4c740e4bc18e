"""Benchmarks of recipes: rows, comparisons, pages."""
