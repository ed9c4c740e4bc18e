"""A zoo of tiny GAN training loops, one for each pattern met in other people's Ignite scripts."""
