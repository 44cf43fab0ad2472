"""Kernels for the CPU, each much faster there than torch's own (docs/speed.md)."""
