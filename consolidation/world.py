"""An invented world: values of every kind that people tell a memory about, drawn from a seed.

The skills are taught on facts about nobody. Lists of words would be learned by heart, so half of the names are built from
the syllables of many languages and scripts, things from parts, and numbers, dates, codes and addresses from digits. The
other half of the names are common ones, put together freely.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

__all__ = ["KINDS", "SUBJECTS", "draw", "person"]

Draw = Callable[[random.Random], str]

# -- names ---------------------------------------------------------------------------------------------------------

_SYLLABLES: Mapping[str, tuple[str, str, str]] = {
    # (beginnings, middles, ends): a first name is a beginning, sometimes a middle, and an end.
    "nordic": ("As Bjar Ein Fre Gun Hal Ing Jor Ket Leif Mag Nor Ol Rag Sig Tor Ulf Vig", "a e i ri di", "dis rid n bjorn vald rik stein na ja mund"),
    "slavic": ("Bog Dra Gor Jar Kaz Lud Mil Nad Old Pav Rad Stan Tad Vla Woj Zbi Zla", "i a o e u", "mir slav dan na ka lena rad usz ek ja"),
    "romance": ("Al Be Car De El Fa Gi Leo Mar Ne Ot Pa Ra Sil Te Ur Vi", "a e i o ri la", "na lio rino tta nzo ra dro lia nte ssa"),
    "german": ("Adel Bern Diet Eck Frie Ger Hel Irm Kon Lud Mein Ott Rein Sieg Wal", "e i a", "hard lind burga rich trud mar bert wig hilde"),
    "yoruba": ("Ade Ayo Bola Dapo Ebun Fola Ife Kole Ola Segun Temi Wale Yemi", "mi ni ba to", "wale bunmi dele tunde shade lola yinka femi"),
    "japanese": ("Aki Chi Ha Hiro Ka Ken Mi Nao Rei Sa Shin Ta Yo Yu", "ka mi na ri", "ko ro to ka mi ji ya suke ne"),
    "indian": ("An Bha Cha De Ga Ha In Ka La Ma Ni Pra Ra San Ta Vi", "i a ja va ri ni", "sha ran deep ka ya nath vi mala kant"),
    "arabic": ("Ab Far Ha Ib Jam Kha La Mu Nas Om Ra Sa Ta Wa Ya Za", "i a dir sa li", "im ar ida ila een oud iya san if"),
    "celtic": ("Aod Bran Cad Dei Eif Fion Gwen Ior Lor Mael Nia Owe Rhi Sior Tre", "a e i o", "wen can or na dre lyn th gan han"),
    "turkish": ("Ay Bur Cem Der Em Fer Gül Il Ke Mer Nes Ok Sel Tun Ya", "a e i u", "lin can tay ra han nur tem mur gül"),
    "greek": ("Ale Bas Dim Ele Geo Iri Kal Lys Myr Nik Ore Phil Sof Theo Xen", "a i o ", "dros ni tos sis ndra ope as kis ia"),
    "swahili": ("Ama Bara Chi Fara Ima Jaba Kama Leo Maji Nuru Rashi Saba Zuri", "ni ka li", "ri ka du na mba la si"),
    "english": ("Ash Brad Clar Dun El Free Gar Hol Kings Lin Mar New Pres Ross Stan Thorn Whit", "e i ", "ton ley wood field worth by man ford well"),
}  # fmt: skip
_FAMILY: Mapping[str, str] = {
    "nordic": "sen quist gaard strand lund berg dal",
    "slavic": "ski ova enko ic czyk kov iak",
    "romance": "etti ares oso ini eira oux ardo",
    "german": "mann hauer feld stein ler bach",
    "yoruba": "oye kunle wumi nola rin",
    "japanese": "moto yama gawa mura da shita",
    "indian": "kar wal raj murthy gupta rao",
    "arabic": "awi ani ouri dine bari",
    "celtic": "ry nan gal llyn vaughn reth",
    "turkish": "oglu demir kaya turk soy",
    "greek": "poulos akis idis atos elis",
    "swahili": "ngi mbo wara ndo tule",
    "english": "son er sworth ham kin ridge",
}
_SCRIPTS: tuple[tuple[str, str], ...] = (
    # Whole names in other scripts, built from two parts each.
    ("Мария Олег Вера Игорь Нина Павел Зоя Денис", "Орлова Титов Лебедь Громов Зимин Каменев"),
    ("Ελένη Νίκος Άννα Πέτρος Σοφία Γιώργος", "Παππάς Δήμου Ρήγας Λάμπρου Κόντου"),
    ("伟 芳 秀英 娜 敏 静 磊 洋", "王 李 张 刘 陈 杨 赵"),
    ("さくら 健太 美咲 大輔 陽子 翔", "佐藤 鈴木 高橋 田中 伊藤"),
    ("민준 서연 지우 하은 도윤", "김 이 박 최 정"),
    ("ليلى عمر سلمى يوسف هدى", "حداد منصور خليل ناصر"),
    ("अनिता राहुल मीरा विजय", "शर्मा वर्मा गुप्ता"),
)

# fmt: off
_GIVEN = "Aaron Abigail Ahmed Aisha Albert Alice Amanda Amir Andrea Anna Arthur Barbara Benjamin Brian Camila Carl Carlos Carol Caroline Catherine Charlotte Chen Chloe Claire Daniel David Deborah Diana Donna Edward Elena Eleanor Elizabeth Emily Emma Eric Erin Eva Fatima Felix Fiona Francis Frank Gabriel George Gloria Grace Hannah Harold Heather Helen Henry Hugo Ibrahim Isabel Ivan Jacob James Janet Jason Jennifer Jessica Joan Joel John Jonathan Jorge Joseph Juan Judith Julia Karen Karl Keiko Kevin Kim Laura Lauren Leah Leon Liam Linda Lisa Louise Lucas Luis Maria Mark Martha Martin Mary Matthew Mei Michael Miguel Mohammed Monica Nadia Nancy Nathan Nina Noah Nora Olivia Oscar Pamela Patricia Paul Pedro Peter Philip Priya Rachel Raj Rebecca Richard Robert Rosa Ruth Samuel Sandra Sarah Sean Simon Sofia Stephen Susan Teresa Thomas Tim Tom Valerie Vanessa Victor Walter Wei William Yuki Zoe".split()
_SURNAMES = "Adams Ahmed Allen Andersen Bailey Baker Barnes Bauer Becker Bennett Brooks Brown Campbell Carter Castro Chan Chen Clark Cohen Collins Cook Cooper Costa Cox Cruz Davies Davis Diaz Edwards Evans Fernandez Fischer Flores Foster Garcia Gomez Gonzalez Gray Green Hall Hansen Harris Hayes Hernandez Hill Hoffmann Howard Hughes Ivanov Jackson Jenkins Johansson Johnson Jones Kelly Khan Kim King Kowalski Kumar Larsen Lee Lewis Li Lopez Martin Martinez Meyer Miller Mitchell Moore Morales Morgan Morris Moreno Murphy Myers Nelson Nguyen Novak Okafor Olsen Ortiz Park Parker Patel Perez Peters Peterson Phillips Pinto Popov Powell Price Ramirez Reed Rivera Roberts Robinson Rodriguez Rogers Rossi Russell Sanchez Sanders Sato Schmidt Schneider Scott Shah Silva Simmons Singh Smith Stewart Suzuki Tanaka Taylor Thomas Thompson Torres Turner Wagner Walker Wang Ward Watson Weber White Williams Wilson Wong Wood Wright Yang Young Zhang".split()
# fmt: on


def first(rng: random.Random) -> str:
    """A first name of some language, in Latin letters."""
    return rng.choice(_GIVEN) if rng.random() < 0.5 else _first(rng, rng.choice(tuple(_SYLLABLES)))


def _first(rng: random.Random, language: str) -> str:
    begin, middle, end = (part.split() or [""] for part in _SYLLABLES[language])
    return rng.choice(begin) + (rng.choice(middle) if rng.random() < 0.5 else "") + rng.choice(end)


def _family(rng: random.Random, language: str) -> str:
    begin, middle, _ = (part.split() or [""] for part in _SYLLABLES[language])
    stem = rng.choice(begin) + rng.choice(middle)
    if rng.random() < 0.5:
        stem += rng.choice("l n r k m t v d".split()) + rng.choice("a e i o u".split())
    name = stem + rng.choice(_FAMILY[language].split())
    return name[0].upper() + name[1:].lower()


def person(rng: random.Random) -> str:
    """A full name; one in thirty stands in another script."""
    if rng.random() < 1 / 30:
        given, family = rng.choice(_SCRIPTS)
        return f"{rng.choice(given.split())} {rng.choice(family.split())}"
    title = rng.choice(("Dr. ", "Ms. ", "Mr. ", "Prof. ")) if rng.random() < 0.06 else ""
    if rng.random() < 0.5:
        return f"{title}{rng.choice(_GIVEN)} {rng.choice(_SURNAMES)}"
    language = rng.choice(tuple(_SYLLABLES))
    return f"{title}{_first(rng, language)} {_family(rng, language)}"


# -- words ---------------------------------------------------------------------------------------------------------
# fmt: off

_COLOURS = "red blue green yellow black white grey brown orange purple pink turquoise crimson beige navy teal olive silver golden violet".split()
_SHADES = ("", "", "dark ", "light ", "pale ", "bright ")
_MATERIALS = "oak walnut pine steel copper brass linen wool cotton leather bamboo granite marble slate clay glass silk felt cork denim".split()
_OBJECTS = "bag kettle lamp bicycle umbrella notebook backpack chair table clock mirror tent blanket scarf wallet camera guitar suitcase vase toolbox rug jacket helmet ladder radio teapot drawer basket pillow telescope hammock compass stapler keyboard torch flask whistle skateboard canoe kite easel trunk".split()
_FOODS = "risotto soup stew curry salad pie noodles dumplings pancakes pasta omelette casserole pudding tart sandwiches tacos ramen paella porridge bread kebabs pizza quiche fritters ravioli couscous sushi strudel goulash".split()
_INGREDIENTS = "mushroom lentil pumpkin spinach potato tomato aubergine chicken salmon bean leek cheese onion apple plum cherry lemon ginger coconut barley rice beetroot carrot walnut fennel chickpea tofu shrimp rhubarb fig".split()
_DRINKS = "tea juice milk lemonade cider soda coffee smoothie cordial kombucha".split()
_FLAVOURS = "oat almond soy mint jasmine elderflower ginger apple pear hibiscus rooibos vanilla rose lime cranberry barley".split()
_ALLERGENS = "peanuts shellfish walnuts eggs penicillin wheat soy sesame strawberries kiwi latex pollen celery mustard lupin hazelnuts almonds cashews milk mango avocado wool nickel dust feathers ragweed aspirin birch cats horses bees".split()
_ANIMALS = "parrot rabbit hamster tortoise ferret gecko canary goldfish pony donkey goat hen duck cat dog hedgehog lizard snake budgie pig llama spider frog mouse".split()
_SPORTS = "badminton squash archery fencing rowing climbing judo handball curling sailing surfing bouldering volleyball hockey rugby cricket tennis swimming cycling yoga karate chess pottery knitting origami calligraphy gardening beekeeping birdwatching photography astronomy juggling weaving baking fishing pilates dancing skating canoeing woodwork embroidery geocaching".split()
_INSTRUMENTS = "cello violin flute trumpet accordion harp clarinet piano oboe banjo mandolin drums saxophone trombone ukulele viola bassoon organ sitar harmonica guitar tuba lute zither".split()
_LANGUAGES = "Finnish Swahili Portuguese Korean Icelandic Welsh Basque Turkish Hindi Polish Greek Hungarian Arabic Japanese Catalan Danish Tamil Vietnamese Maltese Georgian Armenian Estonian Latvian Yoruba Zulu Quechua Irish Dutch".split()
_JOBS = "nurse|carpenter|beekeeper|translator|pilot|librarian|welder|florist|dentist|surveyor|baker|electrician|teacher|plumber|geologist|tailor|chef|cartographer|farmer|actuary|optician|journalist|gardener|accountant|paramedic|potter|biologist|tram driver|stage designer|data analyst|watchmaker|roofer|midwife|goldsmith|forester|sound engineer|tax adviser|museum guide|crane operator|speech therapist".split("|")
_SUBJECT_AREAS = "organic applied medieval comparative modern introductory advanced quantitative classical marine".split()
_FIELDS = "chemistry history linguistics statistics philosophy biology economics architecture geography astronomy law music physics botany geology mathematics".split()
_ROOMS = "cellar|attic|garage|kitchen|hallway|pantry|study|balcony|workshop|laundry room|conference room|library|greenhouse|boiler room|guest room|shed|lobby|archive|canteen|studio".split("|")
_CONTAINERS = "tin box jar drawer envelope basket bag pot chest folder flowerpot mug".split()
_PLACED = "on the shelf|under the stairs|behind the door|next to the boiler|on the desk|in the hallway|below the window|by the sink|in the wardrobe|over the fridge".split("|")
_EVENTS = "fair|concert|workshop|reunion|marathon|exhibition|picnic|regatta|festival|conference|auction|recital|seminar|parade|tournament|hackathon|retreat|wedding|lecture".split("|")
_VERBS = "repaint|repair|sell|clean|replace|insure|move|donate|photograph|measure|restore|pack|assemble|inspect|label".split("|")
_REASONS = "the heating is broken|the train was late|the roof leaks|the printer ran out of ink|the road is closed|the supplier went out of business|the contract expired|the baby was ill|the exam was moved|the lift is out of order|the budget was cut|the keys were lost|the battery was empty|the weather was too bad|the wrong part was sent|nobody signed the form".split("|")
_RULES = "take off their shoes|sign the guest book|wear a helmet|lock the side gate|water the ferns|switch off the oven|book a week ahead|show a pass at the desk|keep the windows shut|pay in cash|leave the dog outside|bring their own cups|park behind the barn|report every expense|wash their hands|use the back entrance|save receipts for a year|archive old tickets".split("|")
_PLANTS = "thyme basil fern orchid cactus lavender fig ivy rosemary dahlia peony tulip maple bonsai aloe jasmine begonia mint sage lily".split()
_VEHICLES = "cargo bike|van|motorbike|pickup|hatchback|sailing boat|camper|scooter|tractor|estate car|canoe|minibus|rowing boat|convertible".split("|")
_ADJECTIVES = "old tiny heavy folding round striped wooden painted foreign second-hand quiet hidden crooked polished narrow spare broken antique portable waterproof".split()
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays".split()
_NUMBERS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
_UNITS = "days weeks months years hours minutes".split()
_NOUNS = "Harbour Orchard Lantern River Meadow Ember Glacier Falcon Willow Anchor Comet Thistle Bridge Canyon Beacon Juniper Summit Hollow Raven Tide Cedar Mirror Signal Compass Garnet Forest Quarry Heron Aurora Pebble Kestrel Atlas Delta Marble Sparrow Velvet Copper Zephyr".split()
_ORGS = "Press|Foods|Bank|Studio|Labs|Logistics|Clinic|Academy|Motors|Textiles|Energy|Partners|Insurance|School|Museum|Bakery|Travel|Software|Foundation|Hotel".split("|")
_STREETS = "Lane Street Road Avenue Square Close Hill Row Terrace Way Quay Park".split()
_TITLES = ("The {a} {n}", "{n} and {m}", "A {a} {n}", "The {n} of {p}", "Beyond the {n}", "{n} at Night", "Letters from {p}", "The Last {n}")  # fmt: skip
_TITLE_WORDS = "Glass Silent Broken Northern Golden Hidden Paper Burning Distant Salt Crimson Patient Hollow Second Winter".split()
_PLACE_PARTS = ("Al Bel Cor Dun Esk Fal Gra Hol Ist Kar Lin Mor Nov Ost Per Quil Ros San Tor Ul Ver Wes Yar Zel", "a e i o u en or an il", "burg ton ville sk mouth dale stad mar ia haven nova cester holm ino pur gawa")  # fmt: skip
_REAL_PLACES = "Antwerp|Bergen|Cusco|Dakar|Fukuoka|Ghent|Hobart|Izmir|Jaipur|Kraków|Lagos|Malmö|Nairobi|Oaxaca|Perth|Quito|Riga|Salzburg|Tbilisi|Utrecht|Valencia|Windhoek|Yerevan|Zagreb|Cardiff|Durban|Galway|Lucerne|São Paulo|Reykjavík|Hanoi|Accra|Boston|Seattle|Leeds|Marseille".split("|")
_PETS = "Biscuit Pepper Mochi Luna Ziggy Nimbus Waffle Pixel Olive Bandit Maple Tofu Cosmo Poppy Rusty Sesame Clover Figaro Noodle Pumpkin Basil Hazel Domino Muffin".split()
_SYLLABLE_LETTERS = ("b c d f g h k l m n p r s t v w z br dr fl gr kl pr st tr".split(), "a e i o u".split())
# fmt: on


def _plural(noun: str) -> str:
    return {"mouse": "mice", "canary": "canaries", "pony": "ponies"}.get(noun, f"{noun}s")


def _pick(*words: str) -> Draw:
    return lambda rng: rng.choice(words)


def _digits(rng: random.Random, count: int) -> str:
    return str(rng.randint(1, 9)) + "".join(str(rng.randrange(10)) for _ in range(count - 1))


def _word(rng: random.Random, syllables: int = 2) -> str:
    begin, vowels = _SYLLABLE_LETTERS
    return "".join(rng.choice(begin) + rng.choice(vowels) for _ in range(syllables)) + rng.choice(
        ("", "n", "r", "l", "x")
    )


def _article(words: str) -> str:
    return ("an " if words[0].lower() in "aeiou" else "a ") + words


def _place(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_REAL_PLACES)
    begin, middle, end = (part.split() for part in _PLACE_PARTS)
    return rng.choice(begin) + (rng.choice(middle) if rng.random() < 0.5 else "") + rng.choice(end)


def _org(rng: random.Random) -> str:
    stem = rng.choice((rng.choice(_NOUNS), _word(rng).title(), _family(rng, "english"), f"{rng.choice(_NOUNS)} & {_family(rng, 'german')}"))  # fmt: skip
    return f"{stem} {rng.choice(_ORGS)}"


def _object(rng: random.Random) -> str:
    kind = rng.random()
    noun = rng.choice(_OBJECTS)
    if kind < 0.4:
        return f"{rng.choice(_COLOURS)} {noun}"
    if kind < 0.6:
        return f"{rng.choice(_COLOURS)} {rng.choice(_MATERIALS)} {noun}"
    return f"{rng.choice(_ADJECTIVES if kind < 0.8 else _MATERIALS)} {noun}"


def _date(rng: random.Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(_MONTHS)
    return rng.choice((f"{day} {month}", f"{day} {month}", f"{month} {day}"))


def _fulldate(rng: random.Random) -> str:
    year = rng.randint(1931, 2031)
    return rng.choice((f"{_date(rng)} {year}", f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {year}", f"{year}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"))  # fmt: skip


def _time(rng: random.Random) -> str:
    hour, minute = rng.randint(0, 23), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50))
    if rng.random() < 0.3:
        return f"{hour % 12 or 12}:{minute:02} {'am' if hour < 12 else 'pm'}" if minute else f"{hour % 12 or 12} {'am' if hour < 12 else 'pm'}"  # fmt: skip
    return f"{hour}:{minute:02}"


def _phone(rng: random.Random) -> str:
    form = rng.choice(("555-####-##", "###-###-####", "+## ### ######", "0### ######", "(###) ###-####", "## ## ## ##"))
    return "".join(str(rng.randrange(1, 10)) if letter == "#" else letter for letter in form)


def _code(rng: random.Random) -> str:
    letters = "ABCDEFGHKLMNPRSTUVWXYZ"
    form = rng.choice(("####", "####", "######", "@@-###", "@##@", "###-@@", "@#-@#-@#"))
    return "".join(str(rng.randrange(10)) if c == "#" else rng.choice(letters) if c == "@" else c for c in form)


def _email(rng: random.Random) -> str:
    name = f"{_word(rng)}.{_word(rng)}" if rng.random() < 0.6 else f"{_word(rng)}{rng.randint(1, 99)}"
    return f"{name}@{_word(rng)}.{rng.choice(('example', 'test', 'invalid', 'example.org'))}"


def _price(rng: random.Random) -> str:
    amount = rng.choice((str(rng.randint(2, 990)), f"{rng.randint(1, 400)}.{rng.randint(10, 99)}", f"{rng.randint(1, 80)},{rng.randint(100, 999)}"))  # fmt: skip
    return rng.choice(("${}", "{} euros", "£{}", "{} crowns", "€{}")).format(amount)


def _count(rng: random.Random) -> str:
    return rng.choice(_NUMBERS) if rng.random() < 0.6 else str(rng.randint(2, 40))


def _title(rng: random.Random) -> str:
    return rng.choice(_TITLES).format(
        a=rng.choice(_TITLE_WORDS), n=rng.choice(_NOUNS), m=rng.choice(_NOUNS), p=_place(rng)
    )


KINDS: Mapping[str, Draw] = {
    "person": person,
    "first": first,
    "place": _place,
    "street": lambda rng: f"{rng.randint(1, 240)} {rng.choice((*_NOUNS, _family(rng, 'english')))} {rng.choice(_STREETS)}",
    "org": _org,
    "date": _date,
    "fulldate": _fulldate,
    "year": lambda rng: str(rng.randint(1820, 2035)),
    "weekday": _pick(*_DAYS),
    "time": _time,
    "daytime": lambda rng: f"{rng.choice(_DAYS)} at {_time(rng)}",
    "month": _pick(*_MONTHS),
    "duration": lambda rng: f"{_count(rng)} {rng.choice(_UNITS)}",
    "age": lambda rng: str(rng.randint(3, 97)),
    "count": _count,
    "number": lambda rng: f"{rng.randint(1, 400)},{rng.randrange(1000):03}" if rng.random() < 0.5 else _digits(rng, rng.randint(3, 6)),
    "price": _price,
    "percent": lambda rng: rng.choice(("{} %", "{}%", "{} percent")).format(rng.randint(2, 98)),
    "phone": _phone,
    "code": _code,
    "email": _email,
    "url": lambda rng: f"{_word(rng)}.{rng.choice(('example', 'test', 'example.org'))}/{_word(rng)}",
    "version": lambda rng: ".".join(str(rng.randint(0, 19)) for _ in range(rng.choice((2, 3, 3)))),
    "size": lambda rng: rng.choice((str(rng.randint(34, 52)), "XL", "XS", f"{rng.randint(5, 12)}.5")),
    "seat": lambda rng: f"{rng.randint(1, 60)}{rng.choice('ABCDEFGHJK')}",
    "flight": lambda rng: f"{rng.choice('ABDEKLOQSTU')}{rng.choice('ABFHKLNRSXZ')} {rng.randint(12, 9899)}",
    "plate": lambda rng: f"{rng.choice('ABHKLMN')}{rng.choice('ABKRSTX')} {rng.randint(10, 9999)} {rng.choice('ABCDEK')}",
    "temperature": lambda rng: f"{rng.randint(-20, 95)} degrees",
    "distance": lambda rng: f"{rng.randint(2, 900)} {rng.choice(('km', 'miles', 'metres'))}",
    "weight": lambda rng: f"{rng.randint(2, 140)} {rng.choice(('kg', 'pounds'))}",
    "dose": lambda rng: f"{rng.choice((2, 5, 10, 15, 20, 25, 40, 50, 75, 100, 250))} {rng.choice(('mg', 'ml', 'drops'))}",
    "food": lambda rng: f"{rng.choice(_INGREDIENTS)} {rng.choice(_FOODS)}",
    "drink": lambda rng: f"{rng.choice(_FLAVOURS)} {rng.choice(_DRINKS)}",
    "allergen": _pick(*_ALLERGENS),
    "animal": lambda rng: f"{rng.choice(_COLOURS)} {_plural(rng.choice(_ANIMALS))}" if rng.random() < 0.4 else _plural(rng.choice(_ANIMALS)),
    "pet": lambda rng: _article(f"{rng.choice(_COLOURS)} {rng.choice(_ANIMALS)}" if rng.random() < 0.6 else rng.choice(_ANIMALS)),
    "colour": lambda rng: rng.choice(_SHADES) + rng.choice(_COLOURS),
    "pastime": _pick(*_SPORTS),
    "instrument": _pick(*_INSTRUMENTS),
    "language": _pick(*_LANGUAGES),
    "job": _pick(*_JOBS),
    "thing": lambda rng: _article(_object(rng)),
    "object": _object,
    "title": _title,
    "medicine": lambda rng: _word(rng, rng.randint(2, 3)).title() + rng.choice(("ine", "ol", "ax", "min")),
    "plant": lambda rng: f"{rng.choice((*_COLOURS, *_FLAVOURS))} {rng.choice(_PLANTS)}",
    "subject": lambda rng: f"{rng.choice(_SUBJECT_AREAS)} {rng.choice(_FIELDS)}",
    "room": _pick(*_ROOMS),
    "container": lambda rng: f"{rng.choice(_COLOURS)} {rng.choice(_CONTAINERS)} {rng.choice(_PLACED)}",
    "event": lambda rng: f"{rng.choice((*_SPORTS, *_INGREDIENTS))} {rng.choice(_EVENTS)}",
    "activity": lambda rng: f"{rng.choice(_VERBS)} the {_object(rng)}",
    "reason": _pick(*_REASONS),
    "rule": _pick(*_RULES),
    "material": lambda rng: f"{rng.choice(_MATERIALS)}" if rng.random() < 0.4 else f"{rng.choice(_ADJECTIVES)} {rng.choice(_MATERIALS)}",
    "brand": lambda rng: _word(rng, rng.randint(2, 3)).title(),
    "password": lambda rng: f"{rng.choice(_PLANTS)}-{rng.choice(_OBJECTS)}-{rng.randint(2, 99)}" if rng.random() < 0.6 else _word(rng) + _digits(rng, 3),
    "team": lambda rng: f"the {rng.choice(_NOUNS)} {_plural(rng.choice(_ANIMALS)).title()}",
    "vehicle": lambda rng: _article(f"{rng.choice(_COLOURS)} {rng.choice(_VEHICLES)}"),
}  # fmt: skip
"""What is drawn for the value of a relation, by kind."""

SUBJECTS: Mapping[str, Draw] = {
    "person": person,
    "project": lambda rng: f"{rng.choice(('Project', 'Operation', 'the project'))} {rng.choice((*_NOUNS, _word(rng).title()))}",
    "device": lambda rng: f"the {rng.choice(_ROOMS)} {rng.choice(('printer', 'router', 'thermostat', 'projector', 'scanner', 'heater', 'alarm', 'camera', 'speaker', 'coffee machine'))}",
    "document": lambda rng: f"the {rng.choice(('lease', 'insurance', 'purchase', 'employment', 'repair', 'loan', 'rental', 'supply'))} {rng.choice(('contract', 'agreement', 'report', 'form', 'certificate', 'invoice'))}",
    "building": lambda rng: f"{rng.choice((*_NOUNS, _family(rng, 'english')))} {rng.choice(('Hall', 'House', 'Tower', 'Court', 'Centre'))}",
    "org": _org,
    "event": lambda rng: f"the {rng.choice((*_SPORTS, *_INGREDIENTS))} {rng.choice(_EVENTS)}",
    "trip": lambda rng: f"the trip to {_place(rng)}",
    "order": lambda rng: f"order {_digits(rng, rng.randint(4, 6))}",
    "book": _title,
    "animalname": lambda rng: rng.choice(_PETS) if rng.random() < 0.5 else _word(rng).title(),
    "course": lambda rng: f"the {rng.choice(_SUBJECT_AREAS)} {rng.choice(_FIELDS)} course",
    "vehicle": lambda rng: f"the {rng.choice(_COLOURS)} {rng.choice(_VEHICLES)}",
    "server": lambda rng: f"server {rng.choice(_NOUNS).lower()}-{rng.randint(1, 99)}",
    "account": lambda rng: f"the {_family(rng, rng.choice(tuple(_FAMILY)))} account",
    "recipe": lambda rng: f"the {rng.choice(_INGREDIENTS)} {rng.choice(_FOODS)}",
    "club": lambda rng: f"the {rng.choice(_SPORTS)} club",
    "place": _place,
    "room": lambda rng: f"the {rng.choice(_ROOMS)}",
    "team": lambda rng: f"the {rng.choice(_NOUNS)} {_plural(rng.choice(_ANIMALS)).title()}",
    "shop": lambda rng: f"the {rng.choice(('bakery', 'bookshop', 'pharmacy', 'garage', 'florist', 'butcher', 'hardware shop', 'bike shop'))} on {rng.choice(_NOUNS)} {rng.choice(_STREETS)}",
}  # fmt: skip
"""What a relation may be about, by kind."""


def draw(rng: random.Random, kind: str) -> str:
    """A value of a kind.

    Raises:
        KeyError: there is no such kind.
    """
    return KINDS[kind](rng)
