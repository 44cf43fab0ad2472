"""Kernels for the CPU, each much faster there than torch's own.

docs/what_makes_it_fast.md has the times.
"""
