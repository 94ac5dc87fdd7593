"""The console of headquarters, regions and service centres.

Nothing is imported here: the site itself lives in this package, and classes can be registered only after it exists
(alliance.admin.classes, imported by ConsoleConfig).
"""
