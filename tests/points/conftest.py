from collections.abc import Iterator

import pytest

from tests.points.shops import Shop, open_shop


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    """A hot-pot restaurant with ¥1,000 in its float: 8 %, points mature at once."""
    yield open_shop(matures_days=0)


@pytest.fixture
def slow_shop(db: None) -> Iterator[Shop]:
    """The same with points that mature after seven days."""
    yield open_shop(matures_days=7)
