"""What is measured of a GAN: distances to real images by clean-fid's functions, and what a classifier sees."""
