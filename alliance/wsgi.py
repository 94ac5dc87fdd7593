"""The WSGI entry point. Every view is loaded here, before gunicorn forks, so that no visitor waits for imports."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alliance.settings")
application = get_wsgi_application()
URLS = get_resolver().url_patterns
