"""The WSGI entry point. Every view is loaded here, before gunicorn forks, so that no visitor waits for imports."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alliance.settings")
application = get_wsgi_application()
URLS = get_resolver().url_patterns
# What is loaded stays: the workers share it, and their collector need not look at it again and again.
gc.collect()
gc.freeze()
