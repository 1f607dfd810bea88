import subprocess
import sys
from pathlib import Path

import app

ROOT = Path(app.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


def test_no_module_of_the_dashboard_loads_torch():
    lines = [f"import {module}" for module in MODULES]
    check = "import sys; assert 'torch' not in sys.modules, 'torch was loaded'"

    ran = subprocess.run(
        [sys.executable, "-c", "\n".join([*lines, check])],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr[-2000:]


def test_no_module_carries_the_name_of_a_floor_or_of_the_standard_library():
    taken = {"db", "search", "workers", *sys.stdlib_module_names}

    assert not taken & {path.stem for path in ROOT.iterdir() if path.suffix in (".py", "")}
