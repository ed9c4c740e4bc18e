"""Runs of recipes: from a request to an erasure record."""
