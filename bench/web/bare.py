"""The same without the product's middleware, but for the one that allauth will not start without."""

from bench.web.settings import *  # noqa: F403

MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
