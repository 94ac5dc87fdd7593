"""Lianhui: the project package and the ground floor (organisation, users, diary, flows, metrics)."""

from alliance.celery import app as celery_app

__all__ = ["celery_app"]
