"""The public classifiers: their parameters, and the one object that fit leaves."""
