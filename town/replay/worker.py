"""One lane of a replay, in a process of its own: it owns some buckets of wallets and reads the file for itself.

Nothing here imports a model before Django is set up: the process starts from nothing.
"""

import os
from typing import Any


def main(run_id: int, number: int, lanes: int, parent: int, words: dict[str, Any], booked: Any) -> None:
    """Work through a lane to the end of the file. A worker whose parent has died stops after its batch.

    booked: numbers of days, shared with the parent: through which one each lane has booked everything.
    """
    import django

    django.setup()
    from town.replay.lane import work

    def through(day: int) -> None:
        booked[number] = day

    work(
        run_id=run_id,
        number=number,
        lanes=lanes,
        words=words,
        orphaned=lambda: os.getppid() != parent,
        through=through,
    )
