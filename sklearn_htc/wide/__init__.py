"""The wide path: shallow models of each label, and how one is chosen."""
