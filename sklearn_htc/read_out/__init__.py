"""From scores to probabilities and label sets: calibration and decoding."""
