"""A user's GAN: how its nets are called, borrowed, copied and looked into."""
