"""A fresh process for each measurement, so that memory and caches are its own."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function where nothing has run before, for its time and its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
