"""Examples are files in no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(folder: str, name: str) -> ModuleType:
    """Import an example."""
    spec = importlib.util.spec_from_file_location(
        name, EXAMPLES / folder / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where types of annotations, and pickled functions, are looked up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
