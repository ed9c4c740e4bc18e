"""Ignite handlers: the cascaded unlearning phase and what goes with it."""
