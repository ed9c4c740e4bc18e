"""The erasure record: what was forgotten, how well, how fast against retraining, and what is not guaranteed."""
