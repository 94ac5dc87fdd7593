"""Ask the database about itself, as the application; run by `./run doctor` inside .venv, prints JSON."""

import json
import os
import time

import psycopg

QUERY = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
       pg_size_pretty(pg_database_size(current_database())), current_user::text,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), extract(epoch FROM clock_timestamp())::float8,
       ARRAY(SELECT extname::text FROM pg_extension)
"""


def main() -> None:
    application = os.environ["DATABASE_URL"]
    with psycopg.connect(application, connect_timeout=10) as connection:
        row = connection.execute(QUERY).fetchone()
        now = time.time()
    assert row is not None
    with psycopg.connect(os.environ.get("DATABASE_OWNER_URL") or application, connect_timeout=10) as connection:
        owner = connection.info.user
    version, version_text, size, user, is_superuser, seconds, extensions = row
    facts = {
        "version": version,
        "version_text": version_text,
        "size": size,
        "application": user,
        "owner": owner,
        "is_superuser": is_superuser,
        "skew_seconds": seconds - now,
        "extensions": extensions,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
