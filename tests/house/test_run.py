"""The launcher: what it refuses and how it says so, its state folder, its cluster, the locks, backups."""

import ast
import contextlib
import dbm.dumb
import json
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

import psycopg
import pytest

from launch import home, operate, packages, postgres, process, say, serve, testing, traces
from launch.home import State
from launch.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state")
    made.prepare()
    return made


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
        timeout=60,
    )


def test_help_lists_every_command() -> None:
    from launch.commands import COMMANDS, HELP

    assert run("help").stdout == HELP
    assert {name for name in COMMANDS if f"./run {name}" not in HELP} == {"serve"}


def test_an_unknown_command_is_refused_with_a_code_in_both_languages() -> None:
    said = run("dance", LC_ALL="zh_CN.UTF-8")
    assert said.returncode == 2
    chinese, english = said.stderr.strip().splitlines()
    assert chinese == "[command_unknown] 没有命令 `dance`。`./run help` 列出全部命令。"
    assert english == "[command_unknown] There is no command `dance`. `./run help` lists them."
    assert said.stdout == ""


def test_a_refusal_names_the_same_facts_in_both_languages() -> None:
    for code, (status, english, chinese) in say.REFUSALS.items():
        facts = [set(re.findall(r"{(\w+)}", sentence)) for sentence in (english, chinese)]
        assert facts[0] == facts[1], code
        assert status > 0, code


def test_every_refusal_is_raised_somewhere_and_documented() -> None:
    sources = "".join(path.read_text() for path in [*(ROOT / "launch").glob("*.py"), ROOT / "run"])
    documented = (ROOT / "docs" / "operations.md").read_text()
    for code in say.REFUSALS:
        assert f'Refused("{code}"' in sources or f"[{code}]" in sources, code
        assert f"`{code}`" in documented, code


def test_the_launcher_needs_the_standard_library_only() -> None:
    allowed = {*sys.stdlib_module_names, "launch"}
    for path in [*(ROOT / "launch").glob("*.py"), ROOT / "run"]:
        if path.name in ("probe.py", "steps.py"):  # run inside .venv
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], 2),
        (["-q", "-m", ""], 2),
        (["-x", "--durations=5", "--maxfail", "9"], 2),
        (["-p", "tests"], 2),
        (["tests/points", "-q"], 0),
        (["tests/house/test_run.py::test_that"], 0),
        (["-k", "points"], 0),
        (["-sv"], 0),
        (["--pdb"], 0),
        (["-n0"], 0),
        (["-n", "3", "tests/points"], 3),
        (["-n=auto", "tests/points"], 2),
    ],
)
def test_few_tests_run_in_one_process_and_all_in_one_per_core(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: int
) -> None:
    monkeypatch.setattr(testing, "_cores", lambda: 2)
    n, rest = testing.workers(words)
    assert n == expected
    assert rest == [word for word in words if not word.startswith("-n") and word != "3"]


def test_each_process_of_a_parallel_run_has_a_database_of_its_own() -> None:
    worlds = json.loads(os.environ.get(testing.WORLDS, "[]"))
    assert len({world["DATABASE_URL"] for world in worlds}) == len(worlds)
    name = os.environ.get("PYTEST_XDIST_WORKER")
    if name:
        mine = worlds[int(name.removeprefix("gw"))]
        assert {key: os.environ[key] for key in mine} == mine


# --- the state folder --------------------------------------------------------------------------


def test_a_second_run_on_the_same_state_is_refused_with_the_first_ones_address(state: State) -> None:
    state.lock()
    state.tell(address="http://127.0.0.1:8123")
    said = run(LIANHUI_STATE=str(state.path))
    assert said.returncode == 3
    assert "[state_busy]" in said.stderr
    assert "http://127.0.0.1:8123" in said.stderr
    assert f"kill {os.getpid()}" in said.stderr
    state.unlock()
    assert State(state.path).try_lock()


@pytest.mark.parametrize("left", [b"", b"\x80\x05", None])
def test_what_beat_wrote_when_it_was_killed_does_not_stop_the_next_start(state: State, left: bytes | None) -> None:
    name = str(state.path / "beat-schedule")
    with contextlib.closing(dbm.dumb.open(name, "c")) as kept:
        kept[b"entries"] = pickle.dumps({"close": 1}, protocol=5)
    if left is not None:
        (state.path / "beat-schedule.dat").write_bytes(left)
    serve.forget_broken_schedule(state)
    assert any(state.path.glob("beat-schedule*")) == (left is None)


def test_a_busy_port_is_refused_before_anything_is_started(state: State) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = run(LIANHUI_STATE=str(state.path), PORT=port)
    assert said.returncode == 2
    assert f"[port_busy] Port {port} is in use." in said.stderr
    assert not (state.path / "postgres").exists()
    assert not (state.path / "run.json").exists()
    assert (state.path / "logs").exists()  # it was there before


@pytest.mark.parametrize("words", [(), ("verify",), ("restore", __file__)])
def test_a_refused_command_leaves_nothing_that_was_not_there_before(tmp_path: Path, words: tuple[str, ...]) -> None:
    env = {"LIANHUI_STATE": str(tmp_path / "new" / "state"), "DATABASE_URL": "", "REDIS_URL": ""}
    env |= {"PORT": "0"} if not words else {"PG_BIN": str(tmp_path)}
    said = run(*words, **env)
    codes = {(): "port_invalid", ("verify",): "database_binaries_missing"}
    assert f"[{codes.get(words, 'backup_damaged')}]" in said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_a_state_that_the_database_cannot_reach_leaves_nothing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said = run(LIANHUI_STATE=str(closed / "new" / "state"), DATABASE_URL="", REDIS_URL="")
    assert "[state_unreachable]" in said.stderr
    assert list(closed.iterdir()) == []


def test_who_locks_a_state_that_was_left_meanwhile_locks_the_new_one(state: State) -> None:
    found = traces.look(state)
    first = State(state.path)
    first.lock()
    traces.leave(first, traces.Found([], "", True))
    assert list(state.path.iterdir()) == []
    first.unlock()
    state.lock()
    assert not State(state.path).try_lock()
    state.unlock()
    assert found.made_from == ""


@pytest.mark.parametrize("port", ["0", "65536", "-1", "８０００", "http"])
def test_a_port_that_is_none_is_refused(state: State, port: str) -> None:
    said = run(LIANHUI_STATE=str(state.path), PORT=port)
    assert said.returncode == 2
    assert "[port_invalid]" in said.stderr


def test_without_a_port_the_next_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    with serve.listening_socket() as first, serve.listening_socket() as second:
        assert serve.FIRST_PORT <= first.getsockname()[1] < second.getsockname()[1]


@pytest.mark.parametrize("path", ["a" * 300, "/".join(["folder"] * 200)])
def test_a_state_path_that_no_file_system_takes_is_refused(tmp_path: Path, path: str) -> None:
    said = run(LIANHUI_STATE=str(tmp_path / path))
    assert said.returncode == 2
    assert "[state_path_too_long]" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_sockets_move_to_a_short_folder_when_the_state_path_is_long(tmp_path: Path) -> None:
    state = State(tmp_path / ("a" * 120))
    state.prepare()
    folder = state.socket_folder("postgres")
    assert not folder.is_relative_to(state.path)
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= home.SOCKET_LIMIT
    assert folder.stat().st_mode & 0o777 == 0o700
    state.remove()
    assert not folder.exists()
    assert not state.path.exists()


def test_a_state_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = run(LIANHUI_STATE=str(tmp_path / "file" / "state"))
    assert said.returncode == 2
    assert "[state_unwritable]" in said.stderr


def test_secrets_are_made_once_and_closed_to_others(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "HANDLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = state.secrets()
    assert set(made) == {"SECRET_KEY", "HANDLE_KEY"}
    assert len(set(made.values())) == 2
    assert State(state.path).secrets() == made
    assert (state.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("SECRET_KEY", "given")
    assert set(state.secrets()) == {"HANDLE_KEY"}


# --- processes ---------------------------------------------------------------------------------


def test_a_child_ends_when_its_launcher_is_killed(tmp_path: Path) -> None:
    parent = (
        "import os, signal, sys; from pathlib import Path; from launch import process;"
        f"child = process.spawn('child', ['sleep', '60'], log=Path({str(tmp_path / 'log')!r}));"
        "print(child.mark, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = subprocess.run([sys.executable, "-c", parent], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.wait_gone([said.stdout.strip()], 10) == []


def test_a_stubborn_child_is_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    child = process.spawn("stubborn", [sys.executable, "-c", stubborn], log=log, wait=0.3)
    while "up" not in log.read_text():
        pass
    child.stop()
    assert child.process.returncode == -9


# --- the cluster -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_cluster_has_two_roles_and_starts_in_the_epoch_that_a_restore_asks_for() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lianhui-cluster-"))
    state = State(folder)
    state.prepare()
    sockets = state.socket_folder("postgres")
    cluster = Cluster(folder / "postgres", sockets, state.logs / "postgres.log", postgres.THROW_AWAY, epoch=3)
    try:
        cluster.start()
        with psycopg.connect(cluster.url(postgres.OWNER)) as owner:
            assert owner.execute("SELECT pg_current_xact_id()::text::bigint >> 32").fetchone() == (3,)
            owner.execute("CREATE TABLE thing (id bigint PRIMARY KEY)")
            owner.execute("CREATE TABLE seal (id bigint); REVOKE UPDATE, DELETE ON seal FROM lianhui")
        with psycopg.connect(cluster.url(postgres.APPLICATION), autocommit=True) as application:
            application.execute("INSERT INTO thing VALUES (1)")
            application.execute("INSERT INTO seal VALUES (1)")
            for forbidden in ("DELETE FROM seal", "DROP TABLE thing", "CREATE TABLE mine ()", "SET ROLE lianhui_owner"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(forbidden)
        if cluster.user:  # another user than the one that runs the tests: nobody here is the superuser
            with pytest.raises(psycopg.OperationalError, match="authentication failed"):
                psycopg.connect(cluster.url("postgres"))
        cluster.stop()
        cluster.start()
        with psycopg.connect(cluster.url(postgres.APPLICATION)) as application:
            assert application.execute("SELECT count(*) FROM thing").fetchone() == (1,)
    finally:
        cluster.stop()
        shutil.rmtree(folder)


# --- backups -----------------------------------------------------------------------------------


def make_backup(folder: Path, dump: bytes = b"PGDMP...", **changed: bytes) -> Path:
    """Write a backup by hand; `changed` replaces contents after the checksums were taken."""
    contents = {operate.DUMP: dump, operate.SECRETS: b'{"SECRET_KEY": "s", "HANDLE_KEY": "h"}'}
    sums = {}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        sums[name] = operate._sha256(folder / name)
    (folder / operate.MANIFEST).write_text(json.dumps({"transaction_id": 7, "sha256": sums}))
    for name, content in changed.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    with tarfile.open(folder / "backup", "w") as archive:
        for name in (operate.MANIFEST, *contents):
            archive.add(folder / name, name)
    return folder / "backup"


@pytest.mark.parametrize("damage", ["changed", "cut", "not a backup", "empty"])
def test_a_damaged_backup_is_refused_before_anything_is_made(state: State, tmp_path: Path, damage: str) -> None:
    whole = make_backup(tmp_path, **({"database_dump": b"PGDMP..x"} if damage == "changed" else {}))
    if damage == "cut":
        whole.write_bytes(whole.read_bytes()[:2000])
    if damage == "not a backup":
        whole.write_text("hello")
    if damage == "empty":
        whole.write_text("")
    said = run("restore", str(whole), LIANHUI_STATE=str(state.path), DATABASE_URL="")
    assert said.returncode == 1
    part = operate.DUMP if damage in ("changed", "cut") else operate.MANIFEST
    english, chinese = said.stderr.strip().splitlines()
    size = f"{whole.stat().st_size:,}"
    assert english == (
        f"[backup_damaged] {whole} ({size} bytes) is not a whole backup: {part} is missing or damaged. "
        "Nothing was restored."
    )
    assert chinese == f"[backup_damaged] {whole}（{size} 字节）不是完整的备份：{part} 缺失或损坏。没有恢复任何数据。"
    assert not (state.path / traces.RESTORING).exists()
    assert not (state.path / "postgres").exists()
    assert not (state.path / "secrets.json").exists()
    assert not (state.path / "restore.tmp").exists()


def test_a_backup_cannot_write_outside_its_folder(state: State, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    with tarfile.open(evil, "w") as archive:
        archive.add(__file__, "../escaped")
    said = run("restore", str(evil), LIANHUI_STATE=str(state.path), DATABASE_URL="")
    assert "[backup_damaged]" in said.stderr
    assert not (state.path / "escaped").exists()


def test_a_restore_into_a_state_with_data_is_refused(state: State, tmp_path: Path) -> None:
    (state.path / "postgres").mkdir()
    said = run("restore", str(make_backup(tmp_path)), LIANHUI_STATE=str(state.path), DATABASE_URL="")
    assert said.returncode == 2
    assert "[state_not_empty]" in said.stderr


@pytest.fixture
def endless_backup(tmp_path: Path) -> Path:
    """A backup whose database takes a minute to restore: a check of each row sleeps."""
    folder = Path(tempfile.mkdtemp(prefix="lianhui-cluster-"))
    state = State(folder)
    state.prepare()
    log = state.logs / "postgres.log"
    cluster = Cluster(folder / "postgres", state.socket_folder("postgres"), log, postgres.THROW_AWAY)
    body = "LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({}); RETURN true; END'"
    try:
        cluster.start()
        with psycopg.connect(cluster.url(postgres.OWNER)) as owner:
            owner.execute(f"CREATE FUNCTION slow() RETURNS boolean {body.format(0)}")
            owner.execute("CREATE TABLE thing (id bigint PRIMARY KEY, CHECK (public.slow()))")
            owner.execute("INSERT INTO thing VALUES (1)")
            owner.execute(f"CREATE OR REPLACE FUNCTION slow() RETURNS boolean {body.format(60)}")
        dump = ["--format=custom", "--no-owner", "--no-privileges", cluster.url(postgres.OWNER)]
        done = subprocess.run([postgres.binaries() / "pg_dump", *dump], stdout=subprocess.PIPE, check=True)
    finally:
        cluster.stop()
        shutil.rmtree(folder)
    return make_backup(tmp_path, dump=done.stdout)


def start_restore(backup: Path, state: Path) -> "subprocess.Popen[str]":
    """Start a restore and come back when pg_restore is at work."""
    env = {**os.environ, "LIANHUI_STATE": str(state), "DATABASE_URL": "", "DATABASE_OWNER_URL": "", "REDIS_URL": ""}
    command = [sys.executable, str(ROOT / "run"), "restore", str(backup)]
    begun = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**env, "LC_ALL": "C.UTF-8"})
    assert begun.stderr is not None
    said = []
    for line in begun.stderr:
        said.append(line)
        if "Restoring the database" in line:
            time.sleep(1)
            return begun
    raise AssertionError("".join(said))


@pytest.mark.slow
def test_an_interrupted_restore_is_never_served(endless_backup: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lianhui-restore-"))
    folder.chmod(0o711)
    path = folder / "new" / "state"
    here = {"LIANHUI_STATE": str(path), "DATABASE_URL": "", "DATABASE_OWNER_URL": "", "REDIS_URL": "", "PORT": ""}
    try:
        killed = start_restore(endless_backup, path)
        while_it_runs = run("verify", **here)
        assert "[restore_unfinished]" in while_it_runs.stderr
        killed.kill()
        killed.wait()
        for words in ((), ("verify",), ("manage", "check"), ("upgrade",), ("backup", str(folder / "copy"))):
            said = run(*words, **here)
            assert (said.returncode, said.stderr[:20]) == (2, "[restore_unfinished]"), (words, said.stderr)
        assert (path / "postgres").exists()  # nobody but the next restore touches it
        again = start_restore(endless_backup, path)
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 130
        assert list(folder.iterdir()) == []  # neither the killed restore nor this one left anything
    finally:
        shutil.rmtree(folder)


def test_reset_asks_to_be_told_twice(state: State) -> None:
    said = run("reset", LIANHUI_STATE=str(state.path), DATABASE_URL="")
    assert said.returncode == 2
    assert "[not_confirmed]" in said.stderr
    assert state.path.exists()
    assert run("reset", "--yes", LIANHUI_STATE=str(state.path), DATABASE_URL="").returncode == 0
    assert not state.path.exists()


def test_reset_leaves_a_server_of_others_alone(state: State) -> None:
    said = run("reset", "--yes", LIANHUI_STATE=str(state.path), DATABASE_URL="postgresql://someone@/theirs")
    assert "[not_ours]" in said.stderr
    assert state.path.exists()


# --- locks -------------------------------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {
    packages.SERVE_LOCK: PROJECT["dependencies"],
    packages.DEV_LOCK: [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]],
    packages.REPLAY_LOCK: PROJECT["optional-dependencies"]["replay"],
}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_agree_with_pyproject_and_name_no_address(lock: Path) -> None:
    text = lock.read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+==[^ \n]+)", text, flags=re.MULTILINE))
    for requirement in LOCKS[lock]:
        assert re.sub(r"\[.*?\]", "", requirement) in pinned
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "http" not in text
    assert "--find-links" not in text
    assert "--index-url" not in text
