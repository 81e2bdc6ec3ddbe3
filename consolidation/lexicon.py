"""Word lists and patterns of everyday English: rows of data, no logic."""

from __future__ import annotations

import re

# fmt: off
__all__ = [
    "ADJECTIVES_ING", "ADVERBS", "AHEAD", "ANCHOR", "ASIDES", "AUX", "BARE_TIME", "BASES", "BE", "CATENATIVE",
    "CONTRACTIONS", "DAYS", "DEMONYM", "DETERMINERS", "DO", "DOES", "DOUBTS", "DURATION", "DWELLING", "E_ENDING",
    "FADING", "FEELING", "GIVEN", "GIVING", "GOING", "HAVE", "HOLLOW", "INTERVAL", "JOB", "KIN", "LANGUAGE", "MANNER", "MEETS",
    "MODAL", "MUSING", "NOT_ADVERBS", "NOT_VERBS", "NOUNS_ING", "ORDERING", "PARTICIPLE", "PARTICIPLE_OF",
    "PARTICLES", "PAST", "PAST_OF", "PERSON", "PET", "PHRASAL", "PLACE", "PLACE_PREPOSITIONS", "PLANNING",
    "PREPOSITIONS", "PRONOUNS", "RELATIVE", "RELATIVES", "ROLE", "SAYING", "SOFTWARE", "STATES", "STOPS",
    "SUBORDINATORS", "THING", "TIME", "TIME_WORD", "TRAILING", "UNIT", "VAGUE", "VEHICLE", "WORK", "words",
]


def words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# Verbs: base, past, participle.
_IRREGULAR = """arise arose arisen;awake awoke awoken;bear bore borne;beat beat beaten;become became become;begin began
begun;bend bent bent;bet bet bet;bind bound bound;bite bit bitten;bleed bled bled;blow blew blown;break broke broken;
breed bred bred;bring brought brought;build built built;burn burnt burnt;buy bought bought;catch caught caught;choose
chose chosen;come came come;cost cost cost;cut cut cut;deal dealt dealt;dig dug dug;do did done;draw drew drawn;dream
dreamt dreamt;drink drank drunk;drive drove driven;eat ate eaten;fall fell fallen;feed fed fed;feel felt felt;fight
fought fought;find found found;flee fled fled;fly flew flown;forget forgot forgotten;forgive forgave forgiven;freeze
froze frozen;get got got;give gave given;go went gone;grow grew grown;hang hung hung;have had had;hear heard heard;hide
hid hidden;hit hit hit;hold held held;hurt hurt hurt;keep kept kept;know knew known;lay laid laid;lead led led;learn
learnt learnt;leave left left;lend lent lent;let let let;lie lay lain;light lit lit;lose lost lost;make made made;mean
meant meant;meet met met;overcome overcame overcome;pay paid paid;put put put;quit quit quit;read read read;ride rode
ridden;rise rose risen;run ran run;say said said;see saw seen;seek sought sought;sell sold sold;send sent sent;set set
set;sew sewed sewn;shake shook shaken;shoot shot shot;show showed shown;shut shut shut;sing sang sung;sink sank sunk;sit
sat sat;sleep slept slept;slide slid slid;speak spoke spoken;spend spent spent;spin spun spun;spread spread spread;stand
stood stood;steal stole stolen;stick stuck stuck;strike struck struck;swear swore sworn;swim swam swum;swing swung
swung;take took taken;teach taught taught;tear tore torn;tell told told;think thought thought;throw threw thrown;
undergo underwent undergone;understand understood understood;wake woke woken;wear wore worn;win won won;withdraw
withdrew withdrawn;write wrote written"""
_REGULAR = """accept accompany achieve act add adopt agree aim allow announce answer appear apply approve argue
arrange arrive ask assist attend award bake base belong better board book borrow call campaign cancel
captain carry cause celebrate change charge claim clean close coach collect combine commemorate commute
compare compete complete compose conduct connect consider consist contain continue contribute control
convert cook copy cover create cross cycle dance decide declare defeat defend deliver deny depart depend
depict derive describe design develop die direct discover divide donate double drop dye earn edit employ
enable end enjoy enlist enter establish exchange exist expand expect explain explore express face fail
feature fill film finish fix focus follow force form found gain gather graduate guide happen harvest
hate head help hike honor honour hope host house hurry identify ignore include increase influence inform
inspire interest interfere introduce invent invest invite involve join jump kick kill knit land last
laugh launch lease like link listen live locate look love maintain manage mark marry match measure
meditate mention mix move name need notice occupy occur offer open operate order organize own paint park
participate pass perform phone pick plan plant play possess practice practise prefer prepare present
prevent produce promise propose protect prove provide publish purchase push raise rank reach realize
receive recommend record reduce refer refuse relate relax release relocate remain remember remind remove
rename rent repair repeat replace report represent request require rescue research reside resign restore
result retire return reveal review ruin rule sail save schedule score seem select serve settle share
ship sign skate ski smoke solve sound sponsor star start state stay stop store study subscribe
substitute suffer suggest supply support suppose surround survive switch talk target taste teach test
thank tie touch track trade train translate travel treat trigger try turn unite update upgrade use vary
visit volunteer vote wait walk want warn wash waste watch water weigh wish wonder work worry wrestle
yell believe assume suspect doubt guess insist imagine intend miss
expire"""

_ROWS = [tuple(row.split()) for row in _IRREGULAR.split(";")]
PAST = {past: base for base, past, _ in _ROWS}
PARTICIPLE = {part: base for base, _, part in _ROWS}
PAST_OF = {base: past for base, past, _ in _ROWS}
PARTICIPLE_OF = {base: part for base, _, part in _ROWS}
BASES = {base for base, _, _ in _ROWS} | frozenset(_REGULAR.split())
NOT_VERBS = words("hundred indeed need speed seed feed breed red bed shed infrared naked sacred wicked embed exceed "
    "proceed supposed beloved aged so-called kindred unauthorized unmarried unlimited")
E_ENDING = re.compile(
    r"(?:[bcdfgkptz]l|[cuvz]|[^n]g|ang|[^su]s|(?<![aeo])at|(?<![eo])ar|(?<!a)ir|ur|(?<![aeo])in|un|(?<![ao])il|ul|ol|"
    r"(?<!o)ut|(?<!o)ot|(?<![aeo])id|ud|(?<![eo])ad|(?<!o)od|(?<![eo])am|(?<!a)im|um|(?<![eo])ak|ik|(?<!o)ok|(?<!e)ap|"
    r"ip|ib|[ao]b)$"
)

BE = words("am is are was were be been being")
HAVE = words("have has had having")
DO = words("do does did")
MODAL = words("can could will would should may might must shall")
AUX = (BE - {"be", "been", "being"}) | (HAVE - {"having"}) | DO | MODAL
ASIDES = words("including such a an the he she it they i we so who")
DETERMINERS = words("a an the my your his her its our their this these those some any no every each")
ADVERBS = words("not never also once often just always still even ever soon now then partly first later already almost "
    "rarely sometimes instead too yet back rather")
FADING = words("just also recently really actually already finally currently still now then even too absolutely")
NOT_ADVERBS = words("family july italy fly supply reply only early daily lovely friendly elderly monopoly bully "
    "butterfly dragonfly firefly jelly belly rally ally assembly anomaly holly")
RELATIVES = words("who which whose whom where that")
SUBORDINATORS = words("because although though while when whereas whenever if unless until so since")
PREPOSITIONS = words("in on at to from with without by for about as into onto near over under after before during "
    "through against between among around across behind beyond inside outside toward towards via despite upon "
    "throughout within off like along above below since until amid per following")
PRONOUNS = words("i we you he she they it")
PHRASAL = words(
    "look-for listen-to participate-in work-on wait-for think-about think-of talk-about focus-on upgrade-to switch-to "
    "belong-to consist-of depend-on apply-for subscribe-to search-for involve-in compare-to base-on know-as name-after "
    "recover-from struggle-with deal-with specialize-in invest-in volunteer-for"
)
NOUNS_ING = words(
    "building meeting training wedding painting recording swimming cooking reading writing parking clothing ceiling "
    "evening morning string thing spring feeling running drawing hearing housing printing opening ending beginning "
    "warning during nothing something anything everything being gardening hiking cycling camping fishing shopping "
    "skating sibling king following boxing skiing fundraising photography-ing sewing knitting baking gaming lighting "
    "engineering marketing"
)
ORDERING = words(
    "become inspire ask want tell lead cause allow force persuade choose need require help command encourage urge "
    "invite convince sentence take get enable prompt expect order permit"
)
TRAILING = words("recently lately too again soon now right actually together anymore live already instead online alone "
    "then back anyway though")
FEELING = words("feel get stay look sound seem become appear remain keep go be taste smell")
PARTICLES = words("up out off down away back over")
STOPS = RELATIVES | SUBORDINATORS | {"and", "but", "or", "before", "after"}
ADJECTIVES_ING = words("willing interesting amazing exciting missing surprising lasting outstanding")
CATENATIVE = words("want need plan like love hate hope try use start begin continue manage decide learn refuse attempt "
    "go keep stop finish fail agree enjoy prefer intend aim help seem appear tend happen choose promise be able have")

# When, where and how long.
UNIT = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centuries|century|weekends?)"
_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?)"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|"
    r"winter|christmas|easter)"
)
TIME = re.compile(
    r"(?:(?<![a-z]/)(?<!port )(?<!room )(?<!line )\b(?:1[0-9]|20)\d\ds?\b|"
    rf"\b\d{{1,2}}(?::\d\d)? ?[ap]\.?m\b|\b\d{{1,2}}:\d\d\b|\b{_DAY}\b|\b{_MONTH}\b|"
    rf"\b(?:last|next|this|every|mid|early|late)[ -](?:{UNIT}|night|morning|evening|afternoon)\b|\b{UNIT} ago\b|"
    r"^(?:yesterday|today|tonight|tomorrow|noon|midnight|dawn|lunch|dinner|night|the (?:morning|evening|afternoon|weekend))\b|"
    r"^the \d\d?(?:st|nd|rd|th)$|"
    r"\b\d\d?(?:st|nd|rd|th) century\b|\b\d{4}-\d\d-\d\d\b|"
    r"\bthe (?:same|following|previous) (?:day|week|month|year)\b)",
    re.I,
)
BARE_TIME = re.compile(
    rf"(?:(?:just |about |around |over )?(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|\d+|a few|"
    rf"a couple of) {UNIT} ago|(?:last|next|this|every) (?:{UNIT}|{_DAY}|{_MONTH}|night|morning|evening|afternoon)|"
    r"(?:yesterday|today|tonight|tomorrow)(?: (?:morning|afternoon|evening|night))?|(?:once|twice|three times) a \w+)"
    r"(?=$|[\s,.;!])",
    re.I,
)
DAYS = re.compile(rf"{_DAY}|{_MONTH}", re.I)
_COUNT = r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_CLOCK = r"\d{1,2}[:.]\d\d(?:[ap]\.?m\.?)?|\d{1,2}[ap]\.?m\.?|\d{1,2}h(?:\d\d)?"
_DATED = r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}(?:[./](?:\d{2,4})?)?|(?:1[0-9]|20)\d\ds?"
_SHORT = r"(?:mon|tue|tues|wed|thu|thurs|fri|sat|sun|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)\.?"
TIME_WORD = re.compile(
    rf"{_DAY}|{_MONTH}s?|{_SHORT}|{_CLOCK}|{_DATED}|{_COUNT}|{UNIT}|\d{{1,2}}(?:st|nd|rd|th)?|[ap]\.?m\.?|o'clock|half|"
    r"quarter|past|to|until|till|between|on|at|in|of|the|an?|and|or|from|around|about|every|each|other|second|third|first|"
    r"fourth|fifth|last|weekdays?|mornings?|afternoons?|evenings?|nights?|noon|midnight|dawn|sharp|mid|early|late|end|"
    r"beginning|start|eve|new|year's|boxing|halloween|daily|weekly|monthly|yearly|[A-Z]{3,4}|local|time|this|next",
    re.I,
)
"""A word that may stand in a phrase that is nothing but a time."""
ANCHOR = re.compile(
    rf"\b(?:{_DAY}|{_MONTH}|{_SHORT}|{_CLOCK}|{_DATED}|every|each|daily|weekly|monthly|noon|midnight|dawn|halloween|"
    r"o'clock|(?:mornings?|afternoons?|evenings?|nights?|weekdays?))(?!\w)|\d ?[ap]\.?m\b|\b(?:half|quarter) (?:past|to)\b",
    re.I,
)
"""What ties such a phrase to the calendar or the clock."""
RELATIVE = re.compile(
    rf"\b(?:this|next|last|coming|past|previous|upcoming) (?:(?:few|couple of|{_COUNT}|\d+) )?(?:{UNIT}|{_DAY}|{_MONTH}|"
    rf"night|morning|afternoon|evening)\b(?! of\b)|\b{UNIT} (?:ago|from now)\b|"
    r"\b(?:today|tonight|tomorrow|yesterday|soon|nowadays)\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    re.I,
)
"""A time that hangs on the day it was said."""
AHEAD = re.compile(rf"\bin (?:about |around |exactly )?(?:an?|a few|several|some|many|a couple of|{_COUNT}|\d+) {UNIT}\b", re.I)
"""So does this, but not of the past ("written in two weeks")."""
INTERVAL = re.compile(rf"[\w-]+ {UNIT} (?:after|before|ago|later)\b")
PLACE_PREPOSITIONS = words("in at near inside outside across throughout")
PLACE = re.compile(
    r"\b(?:park|school|university|college|city|town|village|house|home|hospital|gym|office|store|shop|market|museum|"
    r"hotel|restaurant|kitchen|room|bedroom|garden|station|airport|church|library|street|supermarket|garage|cafe|bar|"
    r"beach|theat(?:er|re)|drawer|cupboard|basement|attic|backyard|neighborhood|country|region|area|sea|ocean|river|"
    r"lake|island|prison|cemetery|factory|farm|studio|gallery|mall|court|palace|castle)s?$",
    re.I,
)
WORK = re.compile(r"\b(?:film|movie|song|book|series|novel|album|game|journal|show|war|case|election|play)s?\b")
DWELLING = re.compile(
    rf"{PLACE.pattern.removesuffix('$')}|(?:countryside|suburb|centre|center|downtown|flat|apartment|cottage|bungalow|dorm|"
    r"hostel|campus|coast|mountain|hill|province|state|district|quarter|block|floor|building|villa|loft|studio|boat|caravan|"
    r"tent|place|abroad|capital|desert|forest|convent|monastery|mansion|farmhouse|houseboat|valley|seaside|outskirt)s?",
    re.I,
)
SOFTWARE = re.compile(
    r"\b(?:Linux|Windows|Mac|Android|Chrome|Firefox|Kubernetes|Docker|Postgres|Python|Java|Rust|Slack|Teams|Zoom|Notion|"
    r"Azure|Vim|Emacs|Signal|Telegram|Outlook|Gmail|Spotify|Netflix|Terraform|React|Django|Redis|Jira|Confluence|Linear|"
    r"Go|Swift|Kotlin|Ubuntu|Debian|Fedora|Excel|Git|Bazel|Jenkins)\b|(?-i:\b(?!USA?\b|UK\b|UAE\b|NYC\b|LA\b|DC\b)[A-Z]{2,}\b"
    r"|\b[a-z]*[A-Z][a-z]+[A-Z]\w*|\b[A-Z][a-z]+\d)"
)
"""What one moves to without moving house: known software, and names that are written as such."""
VEHICLE = re.compile(r"(?:car|van|truck|lorry|bus|taxi|tram|train|bike|motorbike|motorcycle|scooter|moped|tractor|jeep|hybrid)s?")
LANGUAGE = re.compile(r"(?:English|Spanish|French|German|Italian|Portuguese|Chinese|Japanese|Latin|Russian|Arabic)\b")
DURATION = re.compile(rf"^(?:\w+[ -]){{1,5}}?{UNIT}$", re.I)
CONTRACTIONS = (
    (r"\b(I)['’]m\b", r"\1 am"),
    (r"\b(I|you|we|they)['’]ve\b", r"\1 have"),
    (r"\b(you|we|they)['’]re\b", r"\1 are"),
    (r"\b(I|you|he|she|it|we|they)['’]ll\b", r"\1 will"),
    (r"\b(he|she|it|that|there)['’]s\b", r"\1 is"),
    (r"(\w)['’]s (?=(?:a|an|the|not|been|called|named|allergic) )", r"\1 is "),
    (r"\b(I|you|he|she|it|we|they)['’]d (?=(?:rather|like|love|prefer|be|have|want|never|also)\b)", r"\1 would "),
    (r"\bwon['’]t\b", "will not"),
    (r"\bcan['’]t\b|\bcannot\b", "can not"),
    (r"n['’]t\b", " not"),
)

# Who people are to each other, as alternatives of a pattern.
KIN = (
    "sister|brother|son|daughter|wife|husband|partner|girlfriend|boyfriend|mother|father|mom|mum|dad|cousin|niece|"
    "nephew|aunt|uncle|grandmother|grandfather|grandma|grandpa|best friend|friend|roommate|flatmate|neighbour|neighbor|"
    "colleague|baby"
)
PET = "dog|cat|puppy|kitten|rabbit|parrot|hamster|horse|pet|fish|goldfish|turtle|tortoise|bird|guinea pig|pony"
ROLE = (
    "doctor|dentist|boss|manager|teacher|therapist|lawyer|landlord|landlady|coach|supervisor|tutor|accountant|vet|"
    "hairdresser|barber|mechanic|mentor|trainer|director|ceo|chairman|president|captain|spouse|child|editor|producer|"
    "composer|author|owner"
)
JOB = (
    r"(?:[\w-]+ ){0,3}?(?:\w+(?:eer|ist|yst|ician|grapher|ologist|surgeon|maker|keeper|driver)|teacher|nurse|doctor|"
    r"lawyer|writer|designer|developer|manager|student|chef|baker|plumber|waiter|waitress|farmer|carpenter|architect|"
    r"pilot|actor|professor|painter|singer|librarian|librarian|electrician|consultant|researcher|programmer|accountant|"
    r"editor)"
)

DEMONYM = re.compile(
    r"\b(?:Afghan|Albanian|Algerian|American|Argentinian|Armenian|Asian|Australian|Austrian|Basque|Bavarian|Belgian|Bolivian|"
    r"Bosnian|Brazilian|British|Buddhist|Bulgarian|Canadian|Catalan|Catholic|Chilean|Christian|Colombian|Croatian|Cuban|"
    r"Cypriot|Czech|Danish|Dutch|Egyptian|English|Estonian|Ethiopian|European|Filipino|Finnish|Flemish|French|Georgian|"
    r"German|Ghanaian|Greek|Haitian|Hindu|Hungarian|Icelandic|Indian|Indonesian|Iranian|Iraqi|Irish|Israeli|Italian|"
    r"Jamaican|Jewish|Jordanian|Kenyan|Korean|Kurdish|Latvian|Libyan|Lithuanian|Malaysian|Mexican|Mongolian|Moroccan|"
    r"Muslim|Nigerian|Norwegian|Pakistani|Palestinian|Persian|Peruvian|Polish|Protestant|Romanian|Russian|Saudi|Scottish|"
    r"Serbian|Siberian|Slovak|Slovakian|Slovenian|Somali|Spanish|Swedish|Swiss|Syrian|Thai|Tunisian|Turkish|Ukrainian|"
    r"Venezuelan|Welsh|[A-Z][a-z]+ese)\b"
)
"""Where somebody comes from or what they believe: no name."""
GOING = "going|coming|walking|driving|flying|travelling|traveling|moving|cycling|riding|running|returning|talking|listening"

# What an answer may and may not be.
STATES = words(
    "wrong right correct new old same different weak strong secret safe easy hard simple long short full empty dead lost "
    "missing free busy open late early ready public private unknown invalid valid fine good bad nice great slow fast dirty "
    "clean cheap expensive active inactive on off up down out gone due unlisted sick ill ok okay okey available unique soon"
)
MANNER = words(
    "hard fast well late early outside inside outdoors indoors abroad away home alone together here there upstairs "
    "downstairs online offline rough dirty fair full-time part-time"
)
HOLLOW = words("it this that there these those he she they you here here's which who one his her their its what")
MUSING = words(
    "think wonder hope guess suppose know believe mean agree understand remember see appreciate say tell"
)
SAYING = MUSING | words("hear claim read learn notice mention announce swear promise report dream fear worry doubt imagine")
DOUBTS = words(
    "maybe perhaps apparently hopefully luckily probably possibly supposedly allegedly presumably reportedly likely surely "
    "sadly once even only rarely seldom hardly never sometimes unfortunately fortunately formerly previously almost nearly"
)
"""Words that say how far a statement holds: they belong to no subject."""
PLANNING = words("look consider want need try feel plan aim keep get wish")
VAGUE = words(
    "it them him her me us you this that these those one ones something someone anything everything things thing stuff "
    "so too more most less much many lot bit way all some others able part time well good great here there "
    "nobody nothing none everyone everybody somebody"
) | {"no one"}
MEETS = words("meet marry hire appoint kill arrest defeat sue succeed with by")
DOES = MEETS | words(
    "say move live work marry write sing paint die bear speak play study visit meet buy teach act direct"
)
GIVEN = words(
    "Ada Adam Adrian Alan Alex Alexander Alice Amanda Amy Andrea Andreas Andrew Angela Anita Ann Anna Anne Anton Ben Benjamin "
    "Bernd Beth Bill Bob Brian Carl Carla Carlos Carol Caroline Catherine Charlie Charlotte Chloe Chris Christine Claire "
    "Clara Claudia Colin Dan Daniel Dave David Diana Dora Ed Edith Edward Ella Ellen Emily Emma Eric Erik Eva Eve Fatima "
    "Felix Fiona Frank Frida George Gina Grace Greta Hannah Hans Harry Helen Helena Henry Holly Hugo Ian Ida Igor Ines Ivan "
    "Jack Jacob Jake James Jan Jane Jason Jean Jennifer Jenny Jim Joe Johanna John Jonas Jonathan Josh Juan Judith Julia "
    "Julian Karin Karl Kate Katrin Kevin Klaus Laura Lea Lena Leo Lily Linda Lisa Louis Lucas Lucy Luis Luke Maria Marie Mark "
    "Marta Martin Mary Matt Max Maya Mia Michael Mike Milan Miriam Mohammed Monika Nadia Natalie Nick Nicole Nina Noah Nora "
    "Olga Oliver Olivia Omar Oscar Otto Pablo Paul Paula Pedro Peter Petra Phil Priya Rachel Rebecca Rita Rob Robert Rosa "
    "Ruth Sam Samuel Sandra Sara Sarah Sebastian Simon Sofia Sonja Sophie Stefan Stella Steve Sue Susan Thomas Tim Tina Tom "
    "Tony Ursula Vera Victor Vera Walter Wendy Will William Yusuf Zoe"
)
"""First names that are hardly anything else."""
GIVING = words("give lend send show tell teach offer pay owe buy bring hand pass sell write promise read")
"""What is done to somebody and something: "I lent Tom 50 euros"."""
PERSON = re.compile(
    rf"\b(?:king|queen|president|prince|princess|emperor|pope|bishop|mayor|actor|actress|composer|writer|author|singer|"
    rf"artist|painter|player|woman|man|girl|boy|astronaut|athlete|director|minister|general|captain|officer|rapper|"
    rf"politician|scientist|historian|journalist|lawyer|professor|teacher|doctor|nurse|founder|leader|champion|coach|"
    rf"manager|who|activist|student|soldier|people|fan|critic|scholar|expert|monk|priest|physician|engineer|comedian|"
    rf"poet|ms|mr|mrs|dr|sir|lord|lady|saint|{KIN})s?\b|\b\w{{4,}}(?:ologist|ographer|ician|wright)\b",
    re.I,
)
THING = re.compile(
    r"\b(?:island|river|lake|mountain|university|college|school|church|cathedral|station|street|park|museum|company|"
    r"corporation|inc|ltd|band|team|club|party|league|association|society|empire|republic|kingdom|states|city|county|"
    r"prize|award|war|battle|treaty|act|film|album|song|book|house|building|bridge|tower|airlines?|bank|hotel|hospital|"
    r"institute|army|navy|court|council|committee|festival|ship|uss|hms|world|cup|games?|journal|times|records|"
    r"pictures|entertainment|music|order|championship|contest|tournament|memorial|painting|mixtape|magazine|newspaper|"
    r"video|game|series|species|station|pride|month|day|center|centre|castle|palace|abbey|theat(?:er|re)|network)\b",
    re.I,
)
