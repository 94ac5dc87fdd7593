"""What a feed can be refused for, as a whole. Single lines are refused by `stores.calc.baskets.REASONS`."""

from django.utils.translation import gettext_lazy as _

from alliance.refusals import declare

SOURCE_MISSING = declare(
    "feed_source_missing",
    503,
    # Translators: 没有找到 %(packages)s，也没能安装上。请连上软件源后再试一次。
    _("%(packages)s is not here and could not be installed. Connect to a package index and try again."),
)
COLUMNS_WRONG = declare(
    "feed_columns_wrong",
    422,
    # Translators: 文件 %(file)s 的列不对：%(missing)s。什么都没有入账，请核对后重新送入。
    _("The file %(file)s lacks these columns or has them in another type: %(missing)s. Nothing was booked."),
)
CUT = declare(
    "feed_cut",
    422,
    # Translators: 文件 %(file)s 在中间断开了。什么都没有入账，请重新取一份完整的文件。
    _("The file %(file)s breaks off in the middle. Nothing was booked; fetch it again whole."),
)
ORDER_WRONG = declare(
    "feed_order_wrong",
    422,
    # Translators: 第 %(row)s 行时间倒退，或把一张小票拆开了。什么都没有入账，请按时间排序后重送。
    _("Row %(row)s goes back in time or splits a basket. Nothing was booked; sort the file and send it again."),
)
VALUE_UNREADABLE = declare(
    "feed_value_unreadable",
    422,
    # Translators: 第 %(row)s 行的“%(value)s”读不懂。什么都没有入账，请改正后重送。
    _("Row %(row)s says “%(value)s”, which cannot be read. Nothing was booked; correct it and send it again."),
)
TEXT_TOO_LONG = declare(
    "feed_text_too_long",
    422,
    # Translators: 第 %(row)s 行的 %(column)s 超过 %(most)s 个字符。什么都没有入账，请改正后重送。
    _("Row %(row)s has a %(column)s of more than %(most)s characters. Nothing was booked; correct it and send again."),
)
QUANTITY_TOO_LARGE = declare(
    "feed_quantity_too_large",
    422,
    # Translators: 第 %(row)s 行的数量超过 %(most)s。什么都没有入账，请改正后重送。
    _("Row %(row)s has a quantity of more than %(most)s. Nothing was booked; correct it and send it again."),
)
BASKET_TOO_LARGE = declare(
    "feed_basket_too_large",
    422,
    # Translators: 从第 %(row)s 行起的小票超过 %(yuan)s 元或 %(lines)s 行。什么都没有入账，请改正后重送。
    _("The basket at row %(row)s is of more than ¥%(yuan)s or %(lines)s lines. Nothing was booked; correct it."),
)
TERMS_MISSING = declare(
    "feed_terms_missing",
    422,
    # Translators: 第 %(row)s 行：门店 %(store)s 当时还没有生效的协议。什么都没有入账，请改正后重送。
    _("Row %(row)s: the store %(store)s had no agreement in force then. Nothing was booked; correct it."),
)
RUN_CLOSED = declare(
    "feed_run_closed",
    409,
    # Translators: 这次读取已经结束，或者另一个进程正在接着做。已入账的都在；请重新送入文件。
    _("This run was closed, or another process goes on with it. What was booked is kept; send the file again."),
)
STORE_UNKNOWN = declare(
    "feed_store_unknown",
    422,
    # Translators: 文件里有不认识的门店：%(stores)s。什么都没有入账，请先登记门店。
    _("The feed names stores that are not registered: %(stores)s. Nothing was booked; register them first."),
)
BUSY = declare(
    "feed_busy",
    409,
    # Translators: 上一次读取（%(scope)s）还在进行。请用同样的选项把它读完、放弃它，或等它 15 分钟没有动静。
    _(
        "The last run of this feed (%(scope)s) is not finished. Finish it with the same options, abandon it, or wait "
        "until it has stood still for 15 minutes."
    ),
)
DATES_DECIDED = declare(
    "feed_dates_decided",
    409,
    # Translators: 这一年已经按平移 %(days)s 天回放过，日期不能再改。要换日期请用新的状态目录。
    _("This year was replayed already with its dates moved by %(days)s days. For other dates use another state."),
)
WORKER_STOPPED = declare(
    "feed_worker_stopped",
    500,
    # Translators: %(names)s 中途停了，已入账的都在。再运行一次就会接着做。
    _("%(names)s stopped on the way. What was booked is kept; run the same command again to go on."),
)
TIME_AHEAD = declare(
    "feed_time_ahead",
    422,
    # Translators: 文件里有 %(at)s 的小票，还没到那个时间。什么都没有入账，请校准收银机时钟。
    _("The file has a basket of %(at)s, which has not come yet. Nothing was booked; set the till's clock."),
)
STORE_OTHER = declare(
    "feed_store_other",
    422,
    # Translators: 文件 %(file)s 里有其他门店的小票：%(others)s，不只是 %(store)s。什么都没有入账，请核对门店后重送。
    _("The file %(file)s has baskets of %(others)s, not of %(store)s alone. Nothing was booked; check the store."),
)
CATALOGUE_EMPTY = declare(
    "feed_catalogue_empty",
    422,
    # Translators: 商品目录 %(catalogue)s 里没有商品。什么都没有入账；请用 --articles 导入，或换一个目录：%(known)s。
    _(
        "The catalogue %(catalogue)s has no articles. Nothing was booked; bring them with --articles FILE, or name "
        "another catalogue (there are: %(known)s)."
    ),
)
FILE_UNREADABLE = declare(
    "feed_file_unreadable",
    422,
    # Translators: 无法读取文件 %(file)s（%(reason)s）。什么都没有入账，请核对路径。
    _("The file %(file)s cannot be read (%(reason)s). Nothing was booked; check its path."),
)
LIST_UNWRITABLE = declare(
    "feed_list_unwritable",
    422,
    # Translators: 被拒行清单无法写入 %(file)s（%(reason)s）。请用 --list 换一个位置再执行一次，不会重复入账。
    _(
        "The list of refused lines cannot be written to %(file)s (%(reason)s). Name another place with --list and run "
        "the command again; nothing is booked twice."
    ),
)
