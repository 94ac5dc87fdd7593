"""Give each process of a parallel `./run test` the database and the broker that were started for it.

Loaded by pytest as its first plugin, inside .venv, before Django reads its settings.
"""

import json
import os

name = os.environ.get("PYTEST_XDIST_WORKER", "")
if name:
    os.environ.update(json.loads(os.environ["LIANHUI_TEST_WORLDS"])[int(name.removeprefix("gw"))])
