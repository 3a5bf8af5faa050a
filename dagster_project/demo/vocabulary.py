"""Words of the demo world: names, places, trades, products, picklists, and what people say.

What belongs here: constant word lists. What does not: how they are drawn or written.
"""

from typing import Final, NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


class City(NamedTuple):
    """A city with what must agree with it."""

    province: str
    city: str
    area_code: str
    region_code: str


class Abroad(NamedTuple):
    """A place outside China; phone is the start of a valid national number."""

    country: str
    state: str
    city: str
    phone: str


class Product(NamedTuple):
    """A catalogue entry; prices in CNY."""

    code: str
    name: str
    category: str
    unit: str
    price: float
    cost: float


class Owner(NamedTuple):
    """A salesperson of either CRM."""

    name: str
    pinyin: str


CITIES: Final = (
    City("北京市", "北京市", "010", "110105"),
    City("上海市", "上海市", "021", "310115"),
    City("天津市", "天津市", "022", "120103"),
    City("重庆市", "重庆市", "023", "500112"),
    City("广东省", "广州市", "020", "440106"),
    City("广东省", "深圳市", "0755", "440305"),
    City("广东省", "东莞市", "0769", "441900"),
    City("广东省", "佛山市", "0757", "440604"),
    City("浙江省", "杭州市", "0571", "330106"),
    City("浙江省", "宁波市", "0574", "330203"),
    City("浙江省", "温州市", "0577", "330302"),
    City("江苏省", "南京市", "025", "320102"),
    City("江苏省", "苏州市", "0512", "320508"),
    City("江苏省", "无锡市", "0510", "320213"),
    City("山东省", "济南市", "0531", "370102"),
    City("山东省", "青岛市", "0532", "370202"),
    City("山东省", "烟台市", "0535", "370602"),
    City("四川省", "成都市", "028", "510104"),
    City("四川省", "绵阳市", "0816", "510703"),
    City("湖北省", "武汉市", "027", "420106"),
    City("湖北省", "宜昌市", "0717", "420502"),
    City("湖南省", "长沙市", "0731", "430102"),
    City("河南省", "郑州市", "0371", "410105"),
    City("河南省", "洛阳市", "0379", "410302"),
    City("河北省", "石家庄市", "0311", "130102"),
    City("河北省", "保定市", "0312", "130602"),
    City("陕西省", "西安市", "029", "610102"),
    City("辽宁省", "沈阳市", "024", "210102"),
    City("辽宁省", "大连市", "0411", "210202"),
    City("福建省", "福州市", "0591", "350102"),
    City("福建省", "厦门市", "0592", "350203"),
    City("安徽省", "合肥市", "0551", "340104"),
    City("江西省", "南昌市", "0791", "360102"),
    City("山西省", "太原市", "0351", "140105"),
    City("吉林省", "长春市", "0431", "220102"),
    City("黑龙江省", "哈尔滨市", "0451", "230102"),
    City("云南省", "昆明市", "0871", "530102"),
    City("贵州省", "贵阳市", "0851", "520102"),
    City("广西壮族自治区", "南宁市", "0771", "450103"),
    City("海南省", "海口市", "0898", "460105"),
    City("甘肃省", "兰州市", "0931", "620102"),
    City("新疆维吾尔自治区", "乌鲁木齐市", "0991", "650102"),
    City("内蒙古自治区", "呼和浩特市", "0471", "150102"),
    City("宁夏回族自治区", "银川市", "0951", "640104"),
)
CITY_WEIGHTS: Final = (
    *(9, 9, 3, 4, 6, 8, 4, 3, 6, 4, 2, 4, 5, 3, 2, 3, 1, 5, 1, 4, 1, 3),
    *(3, 1, 2, 1, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
)
ABROAD: Final = (
    Abroad("United States", "California", "San Francisco", "+1415555"),
    Abroad("United States", "New York", "New York", "+1212555"),
    Abroad("United Kingdom", "England", "London", "+44207946"),
    Abroad("Singapore", "Singapore", "Singapore", "+656123"),
    Abroad("Germany", "Bavaria", "Munich", "+4989123456"),
    Abroad("Australia", "New South Wales", "Sydney", "+6125550"),
)
STREETS: Final = ("人民路", "解放路", "建设大道", "科技路", "中山路", "长江路", "创业街", "新华路")
MOBILE_PREFIXES: Final = (
    *("134", "135", "136", "137", "138", "139", "150", "151", "152", "157", "158", "159", "178"),
    *("182", "183", "187", "188", "198", "130", "131", "132", "155", "156", "166", "175", "176"),
    *("185", "186", "133", "153", "177", "180", "181", "189", "191", "199"),
)
SURNAMES: Final = tuple(
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
    "余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯"
    "龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
SURNAME_PINYIN: Final = (
    *_words("wang li zhang liu chen yang huang zhao zhou wu xu sun ma zhu hu guo he gao lin luo"),
    *_words("zheng liang xie song tang xu han feng deng cao peng zeng xiao tian dong yuan pan"),
    *_words("yu jiang cai yu du ye cheng su wei lv ding ren shen yao lu jiang cui zhong tan lu"),
    *_words("wang fan jin shi liao jia xia wei fu fang bai zou meng xiong qin qiu jiang yin"),
    *_words("xue yan duan lei hou long shi tao li he gu mao hao gong shao wan qian yan qin wu"),
    *_words("dai mo kong xiang tang"),
)
GIVEN: Final = tuple(
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红飞鹏辉建文斌波宁颖琳璐晨宇浩"
    "凯健俊帆雪梅倩婷雅欣怡佳慧嘉思雨子轩梓涵博睿泽峰志新海燕春兰凤洁琴云莲真环荣爱妹"
    "香月莺媛瑞凡仪岚苑筠柔竹霭凝晓欢霄枫芸菲寒亚宜可姬舒影荔枝丝"
)
BRAND: Final = tuple(
    "华盛恒泰宏远兴瑞嘉鑫德隆天成正顺达润源丰和信安康永利汇通金宝聚祥益新科创智联云星辰"
    "锐博雅卓越腾飞翔凌峰海蓝青木森林禾田谷川江河湖洋佳美优品尚诚仁义礼中大国方圆长城东南"
    "西北启明光耀辉煌昌茂荣景逸晟昊坤乾元亨贞业铭"
)
BRAND_PINYIN: Final = (
    *_words("hua sheng heng tai hong yuan xing rui jia xin de long tian cheng zheng shun da run"),
    *_words("yuan feng he xin an kang yong li hui tong jin bao ju xiang yi xin ke chuang zhi"),
)
TRADES: Final = (
    *("机电设备", "信息技术", "医疗器械", "教育科技", "物流", "建筑工程", "电子商务", "新材料"),
    *("食品", "服饰", "环保科技", "软件", "汽车零部件", "精密制造", "生物科技", "网络科技"),
    *("商贸", "文化传媒", "能源", "家居"),
)
LEGAL_FORMS: Final = ("有限公司", "有限责任公司", "股份有限公司", "集团有限公司")
ENGLISH_FIRST: Final = (
    *_words("James Mary Robert Linda Michael Susan David Karen Daniel Emma Oliver Grace Henry"),
    *_words("Alice Thomas Laura Peter Helen George Anna Simon Julia Martin Sarah Paul Nina"),
)
ENGLISH_LAST: Final = (
    *_words("Smith Johnson Brown Taylor Anderson Clark Walker Young Allen King Wright Scott"),
    *_words("Baker Carter Mitchell Turner Parker Collins Edwards Stewart Morris Rogers Cook"),
    *_words("Morgan Bell Murphy Bailey Cooper Richardson Cox Ward Peterson Gray Watson Brooks"),
)
ENGLISH_BRAND: Final = (
    *_words("North South Bright Silver Golden Blue Red Green Summit River Stone Iron Clear Swift"),
    *_words("Prime Alpha Delta Nova Orion Vertex Apex Harbor Maple Cedar Falcon Atlas Beacon"),
)
ENGLISH_BRAND_2: Final = (
    *_words("field gate point wave bridge path works line craft mark forge port view crest land"),
    *_words("peak stream ridge way wood"),
)
ENGLISH_TRADE: Final = ("Technologies", "Logistics", "Medical", "Foods", "Systems", "Industries")
ENGLISH_FORMS: Final = ("Inc.", "Co., Ltd.", "LLC", "Ltd.")
MAIL_DOMAINS: Final = ("163.com", "qq.com", "126.com", "gmail.com", "outlook.com", "sina.com")

INDUSTRIES: Final = (
    # Zoho picklist, 纷享 1级行业
    ("Manufacturing", "制造业"),
    ("IT Services", "信息传输、软件和信息技术服务业"),
    ("Financial Services", "金融业"),
    ("Education", "教育"),
    ("Pharma", "卫生和社会工作"),
    ("Consulting", "租赁和商务服务业"),
    ("Retail", "批发和零售业"),
    ("Government/Military", "公共管理、社会保障和社会组织"),
    ("Construction", "建筑业"),
    ("Logistics", "交通运输、仓储和邮政业"),
    ("Technology", "科学研究和技术服务业"),
    ("Service Provider", "居民服务、修理和其他服务业"),
)
ZOHO_SOURCES: Final = (
    *("Advertisement", "Cold Call", "Employee Referral", "External Referral", "Online Store"),
    *("Partner", "Public Relations", "Sales Email Alias", "Seminar Partner", "Internal Seminar"),
    *("Trade Show", "Web Download", "Web Research", "Chat", "X (Twitter)", "Facebook"),
)
FXIAOKE_SOURCES: Final = (
    *("广告", "百度推广", "电话营销", "陌生拜访", "转介绍", "客户介绍", "官网", "在线咨询"),
    *("电商平台", "合作伙伴", "代理商", "展会", "市场活动", "邮件营销", "公众号", "其他"),
)
TITLES_ZH: Final = (
    *("总经理", "采购总监", "采购经理", "技术总监", "运营经理", "行政主管", "财务经理", "工程师"),
    *("董事长", "采购专员"),
)
TITLES_EN: Final = (
    *("CEO", "VP Procurement", "Purchasing Manager", "CTO", "Operations Manager"),
    *("Office Manager", "Finance Manager", "Engineer", "Managing Director", "Buyer"),
)
DEPARTMENTS: Final = (
    *("总经办", "采购部", "采购部", "技术部", "运营部", "行政部", "财务部", "研发部", "董事会"),
    "采购部",
)
CONTACT_ROLES: Final = (
    *("Decision Maker", "Decision Maker", "Influencer", "Influencer", "User", "User"),
    *("Influencer", "User", "Decision Maker", "Influencer"),
)
OCCUPATIONS: Final = ("教师", "医生", "工程师", "公务员", "个体经营", "自由职业", "销售", "学生")
LEVELS: Final = ("重点客户", "普通客户", "小客户")
LOSS_REASONS_EN: Final = ("Price too high", "Lost to competitor", "No budget", "No response")
LOSS_REASONS_ZH: Final = ("价格过高", "选择竞争对手", "预算取消", "长期无响应")
RETURN_REASONS: Final = ("质量问题", "发错货", "客户取消", "运输破损")

ZOHO_STAGES: Final = (
    *("Qualification", "Needs Analysis", "Value Proposition", "Identify Decision Makers"),
    *("Proposal/Price Quote", "Negotiation/Review"),
)
ZOHO_STAGE_PROBABILITY: Final = (10, 20, 40, 60, 75, 90)
ZOHO_CLOSED: Final = ("Closed Won", "Closed Lost", "Closed Lost to Competition")
FXIAOKE_STAGES: Final = ("验证客户", "需求确定", "方案/报价", "谈判审核")
FXIAOKE_STAGE_PROBABILITY: Final = (10, 30, 60, 80)
FXIAOKE_CLOSED: Final = ("赢单", "输单", "无效")

PRODUCTS: Final = (
    Product("P001", "标准办公套装", "办公设备", "套", 480.0, 312.0),
    Product("P002", "智能打印机", "办公设备", "台", 1280.0, 890.0),
    Product("P003", "耗材补充包", "耗材", "包", 86.0, 41.0),
    Product("P004", "彩色硒鼓", "耗材", "支", 156.0, 74.0),
    Product("P005", "云存储年费", "软件服务", "年", 360.0, 90.0),
    Product("P006", "CRM 标准版席位", "软件服务", "席", 298.0, 60.0),
    Product("P007", "CRM 旗舰版席位", "软件服务", "席", 598.0, 110.0),
    Product("P008", "数据分析模块", "软件服务", "套", 960.0, 180.0),
    Product("P009", "上门安装服务", "技术服务", "次", 220.0, 130.0),
    Product("P010", "年度维保", "技术服务", "年", 660.0, 300.0),
    Product("P011", "现场培训", "技术服务", "天", 1500.0, 700.0),
    Product("P012", "会议平板", "智能硬件", "台", 1899.0, 1360.0),
    Product("P013", "考勤终端", "智能硬件", "台", 399.0, 250.0),
    Product("P014", "扫码枪", "智能硬件", "把", 268.0, 150.0),
    Product("P015", "工业路由器", "智能硬件", "台", 720.0, 455.0),
    Product("P016", "网络机柜", "基础设施", "台", 1150.0, 800.0),
    Product("P017", "不间断电源", "基础设施", "台", 880.0, 610.0),
    Product("P018", "六类网线", "基础设施", "箱", 330.0, 205.0),
    Product("P019", "礼品卡", "礼品", "张", 100.0, 88.0),
    Product("P020", "定制礼盒", "礼品", "盒", 188.0, 96.0),
)
OWNERS: Final = (
    *(Owner("陈志远", "chen.zhiyuan"), Owner("刘晓燕", "liu.xiaoyan"), Owner("张海涛", "zhang.ht")),
    *(
        Owner("王雨桐", "wang.yutong"),
        Owner("李明哲", "li.mingzhe"),
        Owner("赵婉清", "zhao.wanqing"),
    ),
    *(Owner("孙浩然", "sun.haoran"), Owner("周思敏", "zhou.simin"), Owner("吴建国", "wu.jianguo")),
    *(Owner("郑佩佩", "zheng.peipei"), Owner("何俊杰", "he.junjie"), Owner("高雅琴", "gao.yaqin")),
)
TEAMS: Final = ("华东一部", "华南一部", "华北一部", "电销部")
CAMPAIGNS: Final = (
    *("春季焕新季", "Spring Webinar", "618 大促", "秋季渠道大会", "Partner Summit", "双11 预热"),
    *("年终答谢会", "New Year Newsletter"),
)
NOTES: Final = (
    "客户反馈功能齐全，希望增加报表功能。\n下次拜访带上新版手册",
    "对价格比较敏感，要求给出 9 折优惠",
    "关注性能和稳定性，目前系统响应慢",
    "售后服务响应及时，客户比较满意",
    "Asked about after-sales service and training; budget is approved for next quarter",
    "Needs better performance on large reports,\nand a quote with volume discount",
    "希望和同行交流使用经验，愿意参加用户活动",
    "看重品牌，送礼用途，包装要有档次",
    "技术支持热线难打通，已转交服务部跟进",
    "计划采购高端机型，预算充足",
)
FOLLOW_UPS: Final = (
    "电话沟通，确认近期采购计划",
    "上门拜访，演示新产品，客户反馈良好",
    "微信沟通报价，客户要求两天内回复",
    "邮件发送方案，等待客户反馈",
    "电话回访，使用正常，暂无新需求",
    "拜访采购负责人，约定下月签约",
)
MANNERS: Final = ("电话", "拜访", "微信", "邮件", "电话", "拜访")
PURPOSES: Final = ("Prospecting", "Administrative", "Negotiation", "Demo", "Project", "Support")
CALL_RESULTS: Final = ("Interested", "Requested more info", "Requested call back", "Not interested")
REVIEWS: Final = (
    (5, "质量很好，发货快，会回购"),
    (5, "Great service and quick delivery"),
    (4, "性能不错，价格可以再低一点"),
    (4, "功能满足需求，安装方便"),
    (3, "一般，中规中矩"),
    (2, "物流太慢，客服回复不及时"),
    (1, "产品有故障，售后推诿，体验差"),
)
COMPLAINTS: Final = ("质量问题", "物流延迟", "服务态度", "价格争议", "发票问题")
PAGES: Final = (
    "/",
    "/pricing",
    "/products/p012",
    "/products/p007",
    "/contact",
    "/blog/crm",
    "/demo",
)
MEDIUMS: Final = ("organic", "cpc", "email", "referral", "social", "direct")
HOLIDAYS: Final = (
    # month-day of the fixed ones; the lunar ones are listed by year in LUNAR_HOLIDAYS
    ("01-01", "元旦"),
    ("05-01", "劳动节"),
    ("10-01", "国庆节"),
)
LUNAR_HOLIDAYS: Final = (
    *(("2023-01-22", "春节"), ("2023-06-22", "端午节"), ("2023-09-29", "中秋节")),
    *(("2024-02-10", "春节"), ("2024-06-10", "端午节"), ("2024-09-17", "中秋节")),
    *(("2025-01-29", "春节"), ("2025-05-31", "端午节"), ("2025-10-06", "中秋节")),
    *(("2026-02-17", "春节"), ("2026-06-19", "端午节"), ("2026-09-25", "中秋节")),
    *(("2027-02-06", "春节"), ("2027-06-09", "端午节"), ("2027-09-15", "中秋节")),
)
