"""The product's settings, and django-hordak beside it where it is installed: it is measured, never used."""

from importlib.util import find_spec

from alliance.settings import *  # noqa: F403
from alliance.settings import INSTALLED_APPS

HAS_HORDAK = find_spec("hordak") is not None
if HAS_HORDAK:
    INSTALLED_APPS = [*INSTALLED_APPS, "mptt", "djmoney", "hordak"]
    CURRENCIES = ["CNY"]
    DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = "CNY"
