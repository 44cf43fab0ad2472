"""The training objective (Eq. 6) and its terms."""
