"""The 28 trades as the town lives them: how often people go, when, what a bill is, and how such shops are called."""

from dataclasses import dataclass

# Hours of the day, as (hour, weight): when customers come.
MEALS = ((7, 1), (11, 2), (12, 5), (13, 2), (17, 2), (18, 5), (19, 4), (20, 2), (21, 1))
EVENING = ((12, 3), (13, 2), (17, 2), (18, 6), (19, 6), (20, 5), (21, 4), (22, 3), (23, 1))
MORNING = ((7, 4), (8, 5), (9, 4), (10, 3), (11, 2), (15, 1), (16, 2), (17, 4), (18, 3), (19, 1))
ALL_DAY = ((8, 1), (9, 2), (10, 3), (11, 3), (12, 2), (14, 2), (15, 3), (16, 3), (17, 4), (18, 4), (19, 3))
DAY_AND_NIGHT = ((0, 1), (1, 1), (6, 1), (7, 3), (8, 4), (12, 3), (17, 3), (18, 4), (20, 3), (21, 4), (22, 4), (23, 2))
OFFICE = ((9, 3), (10, 4), (11, 3), (14, 3), (15, 4), (16, 3), (17, 1))
AFTERNOON = ((10, 1), (13, 2), (14, 4), (15, 4), (16, 4), (17, 3), (18, 2), (19, 3), (20, 3))

WORKDAYS = (1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7)
EVEN = (1.0,) * 7
WEEKEND = (0.8, 0.8, 0.8, 0.9, 1.1, 1.4, 1.4)


@dataclass(frozen=True, slots=True)
class Habit:
    """One trade.

    shops: how many among all, relative. weekly: visits of one person in a week. bill_fen: median; spread: sigma of its
    logarithm. days: factor by weekday from Monday. matures: days until points can be spent. rates: rebates that such
    shops choose, in bps. A name is one of `first` and one of `last`.
    """

    shops: float
    weekly: float
    bill_fen: int
    spread: float
    opening: str
    hours: tuple[tuple[int, int], ...]
    days: tuple[float, ...]
    matures: int
    rates: tuple[int, ...]
    first: str
    last: str


H = Habit
LOW, MIDDLE, FAIR, HIGH = (300, 400, 500), (500, 600, 800), (600, 800, 1000), (1000, 1200, 1500)

# By the code of the trade (alliance/data/trades.json).
HABITS: dict[str, Habit] = {
    "hotpot": H(3, 0.14, 24_600, 0.45, "11:00-02:00", EVENING, WEEKEND, 7, FAIR,
                "红运 川巷 牛油记 九宫格 蜀香 铜炉 三江 沸腾 阿婆 渝里", "火锅 铜锅涮肉 鲜牛肉火锅 鱼火锅"),
    "restaurant": H(6, 0.42, 12_800, 0.6, "10:00-22:00", MEALS, WEEKEND, 7, FAIR,
                    "聚福 同和 喜相逢 胡杨 老地方 满庭芳 德顺 四季 家常 玉河 丝路 馕香",
                    "饭庄 酒楼 家常菜 小馆 私房菜 大盘鸡"),
    "snacks": H(9, 1.05, 2_100, 0.45, "06:30-22:30", MEALS, EVEN, 7, MIDDLE,
                "王记 李记 老马 张姐 西市 巷口 刘胖子 赵家 杨记 麦香 一品 阿依",
                "拉面 馄饨 包子铺 凉皮 抓饭 麻辣烫 饺子馆 米线"),
    "tea": H(6, 0.62, 1_700, 0.4, "09:30-22:30", AFTERNOON, WEEKEND, 7, FAIR,
             "茶叙 半夏 白鹿 云上 一口甜 青柠 柚见 山野 听雨 雪顶", "茶饮 奶茶铺 茶坊 咖啡 果茶"),
    "bakery": H(4, 0.5, 2_900, 0.45, "07:00-21:30", MORNING, EVEN, 0, MIDDLE,
                "麦田 晨曦 小麦客 奶香 蜜语 金穗 阳光 暖炉 朵朵", "烘焙 面包房 蛋糕店 西饼屋 馕铺"),
    "supermarket": H(3, 1.3, 6_800, 0.8, "07:30-22:00", ALL_DAY, WEEKEND, 0, LOW,
                     "万家乐 惠民 百佳 家家福 天天 好又近", "超市 生活超市 平价超市"),
    "convenience": H(7, 0.95, 1_900, 0.6, "00:00-24:00", DAY_AND_NIGHT, EVEN, 0, LOW,
                     "快客来 邻里 好邻居 转角 百里 小满 顺手 七点半 一家亲 星星", "便利店 便利 小卖部"),
    "fruit": H(5, 0.85, 3_600, 0.5, "08:00-22:00", ALL_DAY, EVEN, 0, MIDDLE,
               "果然鲜 甜园 绿野 红石榴 百果林 橙心 杏花村 早市", "水果店 鲜果 果行 果蔬"),
    "butcher": H(4, 0.6, 5_200, 0.5, "07:00-20:00", MORNING, WEEKEND, 0, LOW,
                 "草原 牧场 清水 湖边 大湾 山里 老屠 牧羊人", "鲜肉铺 牛羊肉 水产行 禽蛋行"),
    "liquor": H(4, 0.25, 8_800, 0.8, "08:30-22:00", ALL_DAY, WEEKEND, 0, LOW,
                "鸿运 金樽 百年 同庆 老酒坊 永盛 福源", "烟酒行 名酒 副食店"),
    "pharmacy": H(4, 0.24, 4_800, 0.7, "08:00-22:00", ALL_DAY, EVEN, 7, MIDDLE,
                  "康宁 仁心 百草 益民 德济 安泰 惠仁", "大药房 药店 药房"),
    "clinic": H(2, 0.05, 21_000, 0.8, "09:00-18:00", OFFICE, WORKDAYS, 15, MIDDLE,
                "仁和 皓齿 同安 惠康 白玉", "口腔 诊所 中医馆"),
    "optician": H(2, 0.02, 46_000, 0.5, "09:00-21:00", AFTERNOON, WEEKEND, 7, HIGH,
                  "明视 清瞳 亮眸 光之语", "眼镜店 眼镜 视光中心"),
    "salon": H(5, 0.16, 6_800, 0.7, "10:00-21:30", AFTERNOON, WEEKEND, 15, HIGH,
               "青丝 剪爱 风尚 名流 一剪 发现 欧尚", "美发 理发店 造型 发艺"),
    "beauty": H(4, 0.09, 15_800, 0.6, "10:00-21:30", AFTERNOON, WEEKEND, 15, HIGH,
                "花语 水润 悦容 指尖 丽人 雅姿 初颜", "美容 美甲 护肤中心"),
    "wellness": H(3, 0.07, 16_800, 0.4, "12:00-23:59", EVENING, WEEKEND, 15, FAIR,
                  "康足 颐和 舒心 百步 御足", "足浴 养生馆 推拿"),
    "fitness": H(2, 0.06, 19_900, 0.8, "07:00-22:00", EVENING, WORKDAYS, 15, FAIR,
                 "动力 乐跑 铁馆 健行", "健身 瑜伽馆 羽毛球馆"),
    "cleaning": H(2, 0.07, 16_000, 0.4, "08:00-19:00", OFFICE, WEEKEND, 15, FAIR,
                  "洁万家 净心 好帮手 勤快", "家政 保洁 家庭服务"),
    "laundry": H(2, 0.1, 4_200, 0.5, "08:30-20:30", ALL_DAY, EVEN, 15, FAIR,
                 "洁仕 白云 清风 衣洁", "洗衣 干洗店 洗鞋坊"),
    "clothing": H(7, 0.16, 19_800, 0.6, "09:30-21:30", AFTERNOON, WEEKEND, 7, FAIR,
                  "衣见 风衣巷 锦绣 尚品 巧裁 童趣 足下 布衣 依人", "服饰 女装 男装 鞋行 童装"),
    "baby": H(3, 0.12, 16_500, 0.6, "09:00-21:00", AFTERNOON, WEEKEND, 7, MIDDLE,
              "贝贝 小蜜蜂 爱婴 摇篮 宝贝", "母婴 孕婴生活馆 童品"),
    "electronics": H(3, 0.05, 62_000, 1.0, "09:30-21:00", AFTERNOON, WEEKEND, 7, LOW,
                     "讯捷 数码港 联创 智选 新视界", "手机店 数码 电器行"),
    "home": H(4, 0.06, 32_000, 1.0, "09:00-19:30", ALL_DAY, WEEKEND, 7, MIDDLE,
              "安居 木语 美家 宜室 大匠 天工", "家居 建材 灯饰 五金"),
    "car_dealer": H(1, 0.002, 680_000, 0.6, "09:00-18:00", OFFICE, WEEKEND, 15, (300,),
                    "驰远 骏达 通途", "汽车销售 汽车城"),
    "car_care": H(3, 0.09, 9_800, 0.9, "08:30-20:00", ALL_DAY, WEEKEND, 15, FAIR,
                  "顺风 飞驰 亮洁 老司机 车管家", "洗车行 汽修 汽车美容 轮胎行"),
    "hotel": H(2, 0.03, 22_800, 0.4, "00:00-24:00", EVENING, WEEKEND, 15, MIDDLE,
               "玉河 丝路 归途 云栖", "宾馆 酒店 民宿"),
    "leisure": H(2, 0.16, 7_600, 0.4, "10:00-23:59", EVENING, WEEKEND, 7, FAIR,
                 "星光 欢唱 大光明 乐园", "影城 练歌房 游乐场"),
    "books": H(3, 0.12, 3_600, 0.6, "08:30-20:30", ALL_DAY, WEEKEND, 7, MIDDLE,
               "书香 知新 墨痕 状元", "文具 书店 文体"),
}  # fmt: skip
