"""Both paths together: how they are trained, and how much the deep one counts."""
