"""Starts: what is done in closed form before the first unlearning step."""
