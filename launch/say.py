"""What the launcher says: progress in one language, refusals with a stable code in both."""

import os
import sys

# code: exit status, English, Chinese. Placeholders are filled from the facts of the refusal; the fact `tail`, the end
# of a log, follows the sentences.
REFUSALS: dict[str, tuple[int, str, str]] = {
    "python_too_old": (
        2,
        "Python 3.11 or newer is needed; this is {version}.",
        "需要 Python 3.11 或更新版本，当前为 {version}。",
    ),
    "python_venv_missing": (
        2,
        "This Python cannot create virtual environments. On Debian or Ubuntu: apt-get install {package}",
        "此 Python 无法创建虚拟环境。Debian 或 Ubuntu 请执行：apt-get install {package}",
    ),
    "install_failed": (
        2,
        "Installing the packages of {lock} failed (see above). Check the network or your package index and try again.",
        "安装 {lock} 中的软件包失败（见上）。请检查网络或软件源后重试。",
    ),
    "command_unknown": (
        2,
        "There is no command `{command}`. `./run help` lists them.",
        "没有命令 `{command}`。`./run help` 列出全部命令。",
    ),
    "words_missing": (2, "Usage: {usage}", "用法：{usage}"),
    "state_busy": (
        3,
        "Lianhui already runs on this state ({state}){where}. Stop it with Ctrl-C or `kill {pid}`, "
        "or give LIANHUI_STATE another folder.",
        "此数据目录（{state}）已有联惠在运行{where}。请用 Ctrl-C 或 `kill {pid}` 停止，"
        "或用 LIANHUI_STATE 指定另一个目录。",
    ),
    "state_path_too_long": (
        2,
        "The path of the state folder is too long ({length} bytes; at most {limit}, and 255 for one folder). "
        "Give LIANHUI_STATE a shorter one.",
        "数据目录的路径过长（{length} 字节；最多 {limit}，单个目录名最多 255）。请用 LIANHUI_STATE 指定较短的路径。",
    ),
    "state_unwritable": (
        2,
        "The state folder {state} cannot be written: {reason}. Give LIANHUI_STATE a folder of yours.",
        "无法写入数据目录 {state}：{reason}。请用 LIANHUI_STATE 指定可写的目录。",
    ),
    "state_unreachable": (
        2,
        "PostgreSQL must not run as root, and user {user} cannot enter {state}. "
        "Give LIANHUI_STATE a folder that is not inside a closed home, for example /var/lib/lianhui.",
        "PostgreSQL 不能以 root 运行，而用户 {user} 无法进入 {state}。"
        "请用 LIANHUI_STATE 指定不在私有主目录内的目录，例如 /var/lib/lianhui。",
    ),
    "state_not_empty": (
        2,
        "The state folder {state} already holds a database. Restore into an empty one (LIANHUI_STATE=…), "
        "or `./run reset` first.",
        "数据目录 {state} 已有数据库。请恢复到空目录（LIANHUI_STATE=…），或先执行 `./run reset`。",
    ),
    "socket_folder_taken": (
        2,
        "The folder for sockets {folder} belongs to somebody else. Give LIANHUI_STATE a shorter path.",
        "套接字目录 {folder} 属于其他用户。请用 LIANHUI_STATE 指定较短的路径。",
    ),
    "port_busy": (
        2,
        "Port {port} is in use. Choose another (PORT=…), or leave PORT out and the next free one is taken.",
        "端口 {port} 已被占用。请用 PORT=… 换一个，或不指定 PORT，系统会自动选用下一个空闲端口。",
    ),
    "port_invalid": (2, "PORT={port} is not a port number (1 to 65535).", "PORT={port} 不是端口号（1 至 65535）。"),
    "database_binaries_missing": (
        2,
        "No PostgreSQL programs in {folder}. PG_BIN must name the folder that holds initdb and postgres.",
        "{folder} 中没有 PostgreSQL 程序。PG_BIN 必须指向含有 initdb 和 postgres 的目录。",
    ),
    "database_version": (
        2,
        "The data in {data} belongs to PostgreSQL {found}, the programs are {have}. Set PG_BIN to PostgreSQL {found}, "
        "or move by `./run backup` with the old and `./run restore` with the new (docs/operations.md).",
        "{data} 中的数据属于 PostgreSQL {found}，而程序为 {have}。请将 PG_BIN 指向 PostgreSQL {found}，"
        "或用旧版执行 `./run backup`、新版执行 `./run restore` 迁移（见 docs/operations.md）。",
    ),
    "database_failed": (
        1,
        "PostgreSQL did not start. Look into {log}, which ends with:",
        "PostgreSQL 未能启动。日志 {log} 末尾如下：",
    ),
    "broker_failed": (
        1,
        "Valkey did not start. Look into {log}, which ends with:",
        "Valkey 未能启动。日志 {log} 末尾如下：",
    ),
    "migrate_failed": (
        1,
        "The database could not be brought up to date (see above).",
        "数据库升级失败（见上）。",
    ),
    "static_failed": (
        1,
        "The static files could not be collected. Look into {log}, which ends with:",
        "静态文件整理失败。日志 {log} 末尾如下：",
    ),
    "preparing_failed": (
        1,
        "The database could not be made ready (see above). A demo may start afresh with `./run reset --yes`.",
        "数据库准备失败（见上）。演示环境可执行 `./run reset --yes` 重新开始。",
    ),
    "child_ended": (
        1,
        "{name} ended by itself with status {status}; everything is stopped. Look into {log}, which ends with:",
        "{name} 自行退出（状态 {status}），已全部停止。日志 {log} 末尾如下：",
    ),
    "web_failed": (
        1,
        "The web server did not answer on {address}. Look into {log}, which ends with:",
        "网页服务未在 {address} 响应。日志 {log} 末尾如下：",
    ),
    "browser_missing": (
        2,
        "Browser tests need: {packages}. On Debian: apt-get install {packages}",
        "浏览器测试需要：{packages}。Debian 请执行：apt-get install {packages}",
    ),
    "node_failed": (
        1,
        "The style sheet could not be compiled (see above).",
        "样式表编译失败（见上）。",
    ),
    "not_ours": (
        2,
        "The database is given by DATABASE_URL, so {command} is left to whoever runs that server.",
        "数据库由 DATABASE_URL 指定，{command} 请由该服务器的管理者执行。",
    ),
    "file_exists": (2, "{file} exists already; it is not overwritten.", "{file} 已存在，不会覆盖。"),
    "file_missing": (2, "There is no file {file}.", "没有文件 {file}。"),
    "backup_failed": (1, "The backup failed (see above); {file} was removed.", "备份失败（见上），{file} 已删除。"),
    "backup_damaged": (
        1,
        "{file} ({size} bytes) is not a whole backup: {part} is missing or damaged. Nothing was restored.",
        "{file}（{size} 字节）不是完整的备份：{part} 缺失或损坏。没有恢复任何数据。",
    ),
    "transaction_ids_behind": (
        2,
        "This server's transaction ids lie below those of the backup, and the diary keeps its place by them. "
        "Stop the server, run `pg_resetwal -e {epoch}` on its data and start again, or restore without DATABASE_URL.",
        "该服务器的事务号低于备份中的事务号，而日志按事务号记录进度。"
        "请停止该服务器，对其数据目录执行 `pg_resetwal -e {epoch}` 后重新启动，或不使用 DATABASE_URL 进行恢复。",
    ),
    "serve_failed": (
        1,
        "`./run` ended with status {status} before it was ready (see above).",
        "`./run` 未就绪即退出，状态 {status}（见上）。",
    ),
    "restore_failed": (
        1,
        "The restore failed (see above); nothing of it is left.",
        "恢复失败（见上），没有留下任何数据。",
    ),
    "restore_unfinished": (
        2,
        "A restore into {state} is under way or was interrupted, so its database is not whole. Wait for it, "
        "or run `./run restore FILE` again, which clears the rest away; `./run reset --yes` removes everything.",
        "数据目录 {state} 的恢复正在进行或已中断，数据库不完整。请等它完成，"
        "或重新执行 `./run restore 文件`（会先清除残留）；`./run reset --yes` 则删除全部数据。",
    ),
    "not_confirmed": (
        2,
        "Nothing was removed. `./run reset --yes` removes {state} with everything in it.",
        "没有删除任何数据。`./run reset --yes` 将删除 {state} 及其中全部数据。",
    ),
}


class Refused(Exception):
    """The launcher says no, with one of the codes above."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.status, english, chinese = REFUSALS[code]
        self.sentences = [english.format(**facts), chinese.format(**facts)]
        self.tail = str(facts.get("tail", ""))
        super().__init__(code)

    def text(self) -> str:
        """Both sentences, the reader's language first, and the end of the log."""
        first, second = reversed(self.sentences) if is_chinese() else self.sentences
        return "\n".join(filter(None, [f"[{self.code}] {first}", f"[{self.code}] {second}", self.tail]))


def is_chinese() -> bool:
    """Tell from LC_ALL, LC_MESSAGES and LANG, in the order of POSIX, whether the reader reads Chinese."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return os.environ[name].lower().startswith("zh")
    return False


def step(english: str, chinese: str) -> None:
    """Say what happens now, on the error stream so that answers stay clean."""
    print("· " + (chinese if is_chinese() else english), file=sys.stderr, flush=True)
