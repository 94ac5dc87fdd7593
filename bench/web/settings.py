"""The product's settings with one more address: a view that does nothing but one indexed SELECT, to measure against."""

from alliance.settings import *  # noqa: F403
from alliance.settings import REST_FRAMEWORK as _REST

ROOT_URLCONF = "bench.web.addresses"
# The measuring program is one caller with many hands: no limit may answer in the product's place.
REST_FRAMEWORK = {**_REST, "DEFAULT_THROTTLE_RATES": {"api_key": "100000000/min"}}
