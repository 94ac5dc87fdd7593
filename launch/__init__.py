"""The launcher behind `./run`: standard library only, and it imports nothing of the project.

say       refusals with stable codes, progress, both languages
packages  the .venv and its locks
home      the state folder: lock, secrets, sockets, who runs here
process   children that do not outlive their parent
postgres  a PostgreSQL cluster of our own
valkey    a broker of our own
backing   the database and the broker of a command, own or given by URL
serve     `./run`
checks    test, lint, e2e, css, lock
django    Django's commands as children: as whom they run, what a start needs
doctor    `./run doctor`
node      the style sheet
steps, probe   run inside .venv: several commands in one Django; questions to the database
operate   backup, restore, upgrade, doctor, reset, bench, replay and Django's commands
"""
