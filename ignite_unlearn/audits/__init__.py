"""Attempts to disprove that a GAN has forgotten; each is a function of one GAN and data, with a verdict in words."""
