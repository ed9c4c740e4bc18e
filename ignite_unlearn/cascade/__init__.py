"""The parts of the cascade: substitutions, fake labels, starts, and the steps of both nets."""
