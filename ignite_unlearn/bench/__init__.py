"""Benchmarks: rows, goals, pages."""
