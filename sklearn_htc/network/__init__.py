"""The torch network: one idea a file, nothing of the rest of the package."""
