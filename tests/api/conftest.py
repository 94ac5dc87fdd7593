import pytest

from tests.cast import Town


@pytest.fixture
def town(db: None) -> Town:
    return Town()
