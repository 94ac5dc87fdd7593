"""The cache against a real Redis; the other tests have one in the process."""

import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings

from alliance.caches import RedisCache


@pytest.fixture
def cache() -> Iterator[RedisCache]:
    if not settings.REDIS_URL:
        pytest.skip("no Redis")
    yield RedisCache(settings.REDIS_URL, {"KEY_PREFIX": uuid.uuid4().hex})


def test_counts_up_only_what_is_there(cache: RedisCache) -> None:
    with pytest.raises(ValueError, match="not found"):
        cache.incr("calls")
    assert cache.get("calls") is None
    assert cache.add("calls", 0, timeout=60)
    assert [cache.incr("calls"), cache.incr("calls", 5), cache.decr("calls")] == [1, 6, 5]
    assert cache.get_many(["calls", "other"]) == {"calls": 5}


def test_keeps_the_time_to_live_of_what_is_counted(cache: RedisCache) -> None:
    cache.add("calls", 0, timeout=60)
    cache.incr("calls")
    client = cache._cache.get_client()
    assert 0 < client.ttl(cache.make_key("calls")) <= 60


def test_one_client_serves_all_calls(cache: RedisCache) -> None:
    assert cache._cache.get_client("one") is cache._cache.get_client("two", write=True)
