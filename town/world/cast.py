"""The people and shops that the demo, the documents and the tests know by name. All invented."""

from dataclasses import dataclass

PASSWORD = "lianhui-demo-2026"  # noqa: S105 - the demo's, printed by ./run
PIN = "258369"


@dataclass(frozen=True, slots=True)
class NamedShop:
    """A shop that must be there. weekly_pull: how much more often people choose it than another of its trade."""

    key: str
    name: str
    short_name: str
    trade: str
    rate_bps: int
    pull: float
    owner_phone: str = ""
    cashier_phone: str = ""


@dataclass(frozen=True, slots=True)
class NamedMember:
    phone: str
    name: str
    appetite: float
    thrift: float
    joined: float
    favourites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedStaff:
    email: str
    name: str
    role: str
    unit: str


HOTPOT, MARKET, FRUIT = "hotpot-0", "market-0", "fruit-0"

SHOPS = (
    NamedShop(HOTPOT, "和安老灶火锅餐饮有限公司", "老灶火锅", "hotpot", 800, 4, "13800138012", "13800138011"),
    NamedShop(MARKET, "比那多超市有限公司", "比那多超市", "supermarket", 400, 5, "", "13800138013"),
    NamedShop(FRUIT, "和安鲜果时光水果店", "鲜果时光", "fruit", 600, 3, "13800138014", ""),
    NamedShop("salon-0", "和安青禾美发店", "青禾美发", "salon", 1200, 2),
    NamedShop("cleaning-0", "和安净家家政服务部", "净家家政", "cleaning", 1000, 2),
    NamedShop("car-0", "和安远达汽车销售有限公司", "远达汽车", "car_dealer", 300, 2),
    NamedShop("bakery-0", "和安暖暖烘焙坊", "暖暖烘焙", "bakery", 600, 2),
    NamedShop("pharmacy-0", "和安杏林大药房", "杏林大药房", "pharmacy", 500, 2),
    NamedShop("tea-0", "和安山月茶饮店", "山月茶饮", "tea", 800, 2),
)

MEMBERS = (
    NamedMember("13800138001", "林婶", 3.0, 0.02, 0, (HOTPOT, MARKET, FRUIT, "bakery-0", "pharmacy-0")),
    NamedMember("13800138002", "小周", 1.0, 0.2, 0.7, (HOTPOT, MARKET, "tea-0")),
    NamedMember("13800138003", "老陈", 1.2, 0.15, 0, (MARKET, FRUIT, "pharmacy-0")),
)

STAFF = (
    NamedStaff("hq@demo.lianhui", "总部演示", "hq_admin", "hq"),
    NamedStaff("finance@demo.lianhui", "财务演示甲", "finance", "hq"),
    NamedStaff("finance2@demo.lianhui", "财务演示乙", "finance", "hq"),
    NamedStaff("risk@demo.lianhui", "风控演示", "risk", "hq"),
    NamedStaff("region@demo.lianhui", "大区演示", "region_manager", "region"),
    NamedStaff("centre@demo.lianhui", "服务中心演示", "centre_staff", "centre-0"),
)
