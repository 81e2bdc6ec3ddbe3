"""Question wordings: rows of data, no logic.

A relation row is (pattern, {answer group: wordings}). In a pattern ``<s>`` is a subject, ``<own>`` an owner ("my",
"Ada's"), ``<T>`` a time, ``<Name>`` a capitalised span, ``<long>`` a span with its prepositional phrases, any other
``<word>`` a span that becomes the group ``word``; some of these words are kinds of answers (`slowwave.consolidation.kinds`), and
a row fits only if its spans are of their kinds. In a wording ``{s}`` is the subject or owner, ``{s's}`` and ``{o}``
its possessive and objective, ``[live]`` a present verb that agrees with it, ``{group}`` another span of the statement.
Wordings are separated by bars; the first is the plainest.

A phone number is never asked for with "call", "reach", "dial", "ring" or "contact": a benchmark keeps those for
its exam.
"""

from __future__ import annotations

from slowwave.consolidation.lexicon import GOING, JOB, KIN, PET, ROLE

__all__ = ["ANSWERED", "ATTRIBUTE", "ATTRIBUTE_WHO", "CLOZE", "FAMILIES", "NAMED", "RELATIONS"]

# fmt: off
_WHO = (
    "Who is {s's} {k}? | Tell me who {s's} {k} is. | What is the name of {s's} {k}? | What is {s's} {k}'s name? | "
    "Do you know who {s's} {k} is? | {s's} {k} is who? | Which person is {s's} {k}? | By what name does {s's} {k} go?"
)
_CALLED = (
    "What is {s's} {k} called? | What is the name of {s's} {k}? | What is {s's} {k}'s name? | "
    "Tell me the name of {s's} {k}. | Do you know what {s's} {k} is called? | Which name does {s's} {k} have? | "
    "{s's} {k}'s name? | What did {s} name {s's} {k}?"
)
_LIKES = (
    "What [does] {s} {v}? | Tell me what {s} [{v}]. | What is something {s} [{v}]? | Do you know what {s} [{v}]? | "
    "What is it that {s} [{v}]? | {s} [{v}] what? | Can you name something that {s} [{v}]? | "
    "What exactly [does] {s} {v}?"
)
_PLACE = (
    "Where [does] {s} live? | In which place [does] {s} live? | Where is {s's} home? | Tell me where {s} [live]. | "
    "What is {s's} place of residence? | Do you know where {s} [live]? | Where [is] {s} living now? | {s} [live] where?"
)
_BOUGHT = (
    "What did {s} {v}? | Tell me what {s} {bought}. | Which thing did {s} {v}? | What was it that {s} {bought}? | "
    "Do you know what {s} {bought}? | {s} {bought} what? | What did {s} get? | What exactly did {s} {v}?"
)
_PRICE = (
    "How much did {s} pay for {x}? | What did {x} cost {o}? | What was the price of {x} that {s} {bought}? | "
    "For how much did {s} get {x}? | Tell me how much {s} paid for {x}. | How much money did {s} spend on {x}? | "
    "Do you know what {s} paid for {x}?"
)
_SHOP = (
    "Where did {s} {v} {x}? | Which shop did {s} get {x} from? | From where did {s} get {x}? | "
    "Tell me where {s} {bought} {x}. | Do you know where {s} {bought} {x}? | {s} {bought} {x} where? | "
    "At which place did {s} {v} {x}?"
)
_WHEN_MEETING = (
    "When is {s's} {k}{with}? | When [does] {s} have the {k}{with}? | Tell me when {s's} {k}{with} is. | "
    "What is the date of {s's} {k}{with}? | For when is {s's} {k}{with} planned? | "
    "Do you know when {s} [have] the {k}{with}? | {s's} {k}{with} is when?"
)
_STUDY_AT = (
    "Where did {s} study? | Which school did {s} attend? | At which place did {s} study? | "
    "Tell me where {s} studied. | What is {s's} alma mater? | Do you know where {s} studied? | {s} studied where? | "
    "Where did {s} get an education?"
)
_FIELD = (
    "What [does] {s} study? | What is {s's} field of study? | Which subject [does] {s} study? | "
    "Tell me what {s} [study]. | What is {s's} subject? | Do you know what {s} [study]? | {s} [study] what? | "
    "What [is] {s} a student of?"
)
_WORKPLACE = (
    "Where [does] {s} work? | Who [does] {s} work for? | Which employer [does] {s} have? | Tell me where {s} [work]. | "
    "What is {s's} workplace? | Do you know where {s} [work]? | Who is {s's} employer? | {s} [work] where?"
)
_OCCUPATION = (
    "What is {s's} job? | What [does] {s} do for a living? | What is {s's} occupation? | "
    "Tell me what {s} [does] for work. | Which profession [does] {s} have? | Do you know what {s's} job is? | "
    "As what [does] {s} work? | What kind of job [does] {s} have?"
)
_SECRET = (
    "What is the {k} {f} {thing}? | Tell me the {k} {f} {thing}. | Which {k} does {thing} have? | "
    "Do you know the {k} {f} {thing}? | {thing}: what is the {k}? | I forgot the {k} {f} {thing}. What is it? | "
    "Can you give me the {k} {f} {thing}?"
)
_KEPT = (
    "Where is {thing}? | Where can {thing} be found? | In what place is {thing}? | Tell me where {thing} is. | "
    "Do you know where {thing} is? | Where should one look for {thing}? | {thing} is where?"
)
_COST = (
    "How much does {thing} cost? | What is the price of {thing}? | What does {thing} cost? | Tell me the price of {thing}. | "
    "Do you know how much {thing} costs? | How expensive is {thing}? | {thing} costs how much?"
)
_FROM = (
    "Where [is] {s} from? | Where [does] {s} come from? | Which place [does] {s} come from? | "
    "Tell me where {s} [is] from. | What is {s's} place of origin? | Do you know where {s} [is] from? | "
    "{s} [is] from where?"
)
_AGE = (
    "How old [is] {s}? | What is {s's} age? | Tell me how old {s} [is]. | What age [is] {s}? | "
    "Do you know {s's} age? | How many years old [is] {s}? | {s's} age?"
)
_WITH = (
    "{s} [have] {art}{k} with whom? | Who is {s's} {k} with? | With whom [does] {s} have {art}{k}? | "
    "Whom will {s} see at {s's} {k}? | Tell me who {s's} {k} is with. | Do you know who {s's} {k} is with? | "
    "Which person [does] {s} have {art}{k} with?"
)

RELATIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (r"<own> (?:(?:mobile|cell|home|work|office) )?(?:phone|telephone|mobile|cell)(?: number)? is <number>", {"number":
        "What is {s's} phone number? | What is the phone number of {s}? | {s's} phone number? | "
        "Tell me {s's} phone number. | Do you know {s's} phone number? | Which phone number [does] {s} have? | "
        "What number is listed for {s's} phone? | Can you give me {s's} telephone number?"}),
    (r"<own> e-?mail(?: address)? is <email>", {"email":
        "What is {s's} email address? | What is {s's} email? | Which email address [does] {s} use? | "
        "Tell me {s's} email address. | Where can one write an email to {o}? | Do you know {s's} email? | "
        "{s's} email address?"}),
    (r"<own> (?:home |postal |street )?address is <address>", {"address":
        "What is {s's} address? | At what address [does] {s} live? | Tell me {s's} address. | "
        "Which address [does] {s} have? | Do you know {s's} address? | {s's} address? | "
        "Where should a letter to {o} be sent?"}),
    (r"(?:the|my|our) (?P<thing>[\w' -]+?) (?P<k>password|passcode|passphrase|pin|pin code|code|"
        r"combination) is <secret>", {"secret":
        _SECRET.replace("{f} {thing}", "for the {thing}").replace("does {thing}", "does the {thing}")
        .replace("{thing}:", "The {thing}:")}),
    (r"the (?P<k>(?:\w+ )?(?:password|passcode|passphrase|pin|code|combination)) (?P<f>of|for|"
        r"to) <thing> is <secret>", {"secret": _SECRET}),
    (r"<s> <be> (?:\w+ly )?allergic to <x>", {"x":
        "What [is] {s} allergic to? | Which allergy [does] {s} have? | What must {s} avoid because of an allergy? | "
        "What triggers {s's} allergy? | Tell me what {s} [is] allergic to. | "
        "What could give {o} an allergic reaction? | To what [is] {s} allergic? | "
        "Do you know what {s} [is] allergic to?"}),
    (r"<s> (?:lives?|resides?|<be> (?:based|living)) (?:in|at|on) <home>", {"home": _PLACE}),
    (r"<s> (?:have |has )?(?:moved|relocated) (?:from <from> )?to <home>", {"home":
        "Where did {s} move to? | Where did {s} move? | To which place did {s} move? | Tell me where {s} moved to. | "
        "What is {s's} new home after the move? | Do you know where {s} moved? | {s} moved to where? | "
        "Which place did {s} relocate to?",
        "from": "Where did {s} move from? | From which place did {s} move? | Where did {s} live before the move? | "
        "Tell me where {s} moved from. | Which place did {s} leave? | Do you know where {s} moved from? | "
        "{s} moved from where?"}),
    (r"<s> (?:<be> (?:originally )?from|comes? from|grew up in) <x>", {"x": _FROM}),
    (r"<s> works? as (?:an? |the )?(?P<job>.+?)(?: (?:at|for) <employer>)?", {"job": _OCCUPATION, "employer": _WORKPLACE}),
    (r"<s> works? (?:at|for) <employer>(?: as (?:an? |the )?(?P<job>[\w -]+?))?",
        {"employer": _WORKPLACE, "job": _OCCUPATION}),
    (rf"<s> (?:am|is) an? (?P<job>{JOB})(?: (?:at|for) <employer>)?", {"job": _OCCUPATION, "employer": _WORKPLACE}),
    (r"<s> (?:was|were) born (?:in|on|at) <T>(?: in <x>)?", {"T":
        "When [was] {s} born? | What is {s's} date of birth? | Tell me when {s} [was] born. | "
        "At what time [was] {s} born? | Do you know when {s} [was] born? | When did {s} come into the world? | "
        "{s} [was] born when?",
        "x": "Where [was] {s} born? | What is {s's} birthplace? | In which place [was] {s} born? | "
        "Tell me where {s} [was] born. | Do you know where {s} [was] born? | {s's} place of birth?"}),
    (r"<s> (?:was|were) born (?:in|at) <x>(?: (?:in|on) <T>)?", {"x":
        "Where [was] {s} born? | What is {s's} birthplace? | In which place [was] {s} born? | "
        "Tell me where {s} [was] born. | What is {s's} place of birth? | Do you know where {s} [was] born? | "
        "{s} [was] born where?",
        "T": "When [was] {s} born? | What is {s's} date of birth? | Tell me when {s} [was] born. | "
        "Do you know when {s} [was] born? | When did {s} come into the world? | {s} [was] born when?"}),
    (r"<own> (?:birthday|date of birth|birth date) is (?:on )?(?:the )?<T>", {"T":
        "When is {s's} birthday? | What is {s's} birthday? | On what day is {s's} birthday? | "
        "Tell me when {s's} birthday is. | Do you know {s's} birthday? | Which day is {s's} birthday? | "
        "When [does] {s} celebrate a birthday? | {s's} birthday?"}),
    (rf"<own> (?P<k>{KIN}|{PET})(?:'s name is| is (?:called|named)) <Called>", {"Called": _CALLED}),
    (rf"<own> (?P<k>{KIN}|{PET}) is <Name>", {"Name": _CALLED}),
    (rf"<s> (?:have|has|own|owns|got|adopted) (?:an?|one) (?P<k>(?:\w+ )?(?:{PET}|{KIN})) (?:named|"
        rf"called) <Called>", {"Called": _CALLED}),
    (rf"<own> (?P<k>(?:new |old |family )?(?:{ROLE}))'s name is <Called>", {"Called": _WHO}),
    (rf"<own> (?P<k>(?:new |old |family )?(?:{ROLE})) is <Name>", {"Name": _WHO}),
    (r"<own> name is <Called>", {"Called":
        "What is {s's} name? | Who [is] {s}? | What [is] {s} called? | Tell me {s's} name. | Do you know {s's} name? | "
        "By what name [does] {s} go? | {s's} name? | Which name [does] {s} have?"}),
    (r"<s> (?:am|is|was|were) (?:called|nicknamed) (?!up |out |off |on |by |to )<x>", {"x":
        "What [is] {s} called? | What name [does] {s} have? | By what name [is] {s} known? | "
        "Tell me what {s} [is] called. | Do you know what {s} [is] called? | {s} [is] called what? | "
        "What do people call {o}?"}),
    (r"<own> (?:all-time )?favou?rite (?P<k>[\w -]+?) (?P<be>is|are) <favourite>", {"favourite":
        "What {be} {s's} favourite {k}? | Which {k} [does] {s} like best? | Tell me {s's} favourite {k}. | "
        "What {k} [does] {s} prefer over all others? | Do you know {s's} favourite {k}? | "
        "Of every {k}, what [does] {s} like most? | {s's} favourite {k}? | Which {k} {be} {s's} favourite?"}),
    (rf"<s> prefers? (?!(?:{GOING}) to (?!\w+ing\b))<preferred> (?:over|to|rather than) <y>", {"preferred":
        "What [does] {s} prefer? | What [does] {s} prefer to {y}? | What would {s} choose over {y}? | "
        "Tell me what {s} [prefer] to {y}. | Instead of {y}, what [does] {s} prefer? | "
        "Do you know what {s} [like] better than {y}? | {s} [prefer] what to {y}?"}),
    (r"<s> prefers? (?!to |not )<long>", {"long":
        "What [does] {s} prefer? | What is {s's} preference? | Tell me what {s} [prefer]. | "
        "What would {s} rather have? | Do you know what {s} [prefer]? | {s} [prefer] what? | "
        "Which kind [does] {s} prefer?"}),
    *((rf"<s> {v}s? (?!to |it\b|how |when |that )<long>", {"long": _LIKES.replace("{v}", v)})
      for v in ("like", "love", "enjoy", "hate", "dislike", "collect")),
    (r"<s> (?:have|has|got) (?P<art>an? )(?P<k>(?:[\w-]+ )?(?:appointment|meeting|interview|lunch|dinner|date|session|"
        r"exam|lesson))(?P<with> with (?P<who>.+?))?(?:,? (?:on|at)|(?= (?:next|this|"
        r"tomorrow|every|each)\b)) <T>", {"T": _WHEN_MEETING, "who": _WITH}),
    (r"<own> (?P<k>(?:[\w'-]+ )?(?:appointment|meeting|interview|exam|party|wedding|anniversary|surgery|"
        r"class))(?P<with> with (?P<who>.+?))? is (?:on |at |scheduled for )?<T>", {"T": _WHEN_MEETING}),
    (r"<own> (?P<k>flight|train|bus|ferry|plane)(?P<with> (?:to|from) .+?)? (?:leaves|departs|is|takes off) (?:on |"
        r"at )?<T>", {"T":
        "When does {s's} {k}{with} leave? | What time is {s's} {k}{with}? | When is {s's} {k}{with}? | "
        "Tell me when {s's} {k}{with} departs. | At what time does {s's} {k}{with} depart? | "
        "Do you know when {s's} {k}{with} leaves? | {s's} {k}{with} leaves when?"}),
    *((rf"<s> (?:have |has )?{past} <x>(?: for (?P<price>[$€£][\d.,]*\d|[\d.,]*\d (?:euros?|dollars?|"
        rf"pounds?)))?(?: (?:at|from) <shop>)?",
       {"price": _PRICE.replace("{bought}", past), "x": _BOUGHT.replace("{v}", v).replace("{bought}", past),
        "shop": _SHOP.replace("{v}", v).replace("{bought}", past)})
      for v, past in (("buy", "bought"), ("purchase", "purchased"), ("order", "ordered"))),
    (r"<s> drives? <vehicle>", {"vehicle":
        "What car [does] {s} drive? | What [does] {s} drive? | Which vehicle [does] {s} have? | "
        "Tell me what {s} [drive]. | What kind of car [does] {s} have? | Do you know what {s} [drive]? | "
        "{s} [drive] what?"}),
    (r"<s> speaks? (?:fluent )?<Called>", {"Called":
        "Which language [does] {s} speak? | What [does] {s} speak? | Tell me what language {s} [speak]. | "
        "What languages [does] {s} know? | Do you know which languages {s} [speak]? | "
        "In which language can one talk to {o}? | {s} [speak] which language?"}),
    (r"<s> plays? (?:the )?(?!a role)<game>", {"game":
        "What [does] {s} play? | Which instrument or sport [does] {s} play? | Tell me what {s} [play]. | "
        "What [is] {s} able to play? | Do you know what {s} [play]? | {s} [play] what? | "
        "What does playing mean for {o}: which one?"}),
    (r"<s> (?:stud(?:y|ies)|<be> studying) <field>(?: at <school>)?", {"field": _FIELD, "school":
        _STUDY_AT.replace("did {s} study", "[does] {s} study").replace("studied", "[study]")
        .replace("did {s} attend", "[does] {s} attend")
        .replace("What is {s's} alma mater", "What is {s's} university").replace("did {s} get", "[does] {s} get")}),
    (r"<s> studied <field> at <school>", {"school": _STUDY_AT, "field":
        "What did {s} study? | Which subject did {s} study? | What was {s's} field of study? | "
        "Tell me what {s} studied. | Do you know what {s} studied? | {s} studied what? | What was {s's} subject?"}),
    (r"<s> (?:studied|was educated) at <school>", {"school": _STUDY_AT}),
    (r"<s> graduated (?:with (?P<x>.+?) )?from <school>", {"school": _STUDY_AT.replace("studied", "graduated").replace(
        "Where did {s} study", "Where did {s} graduate from"), "x":
        "What degree did {s} graduate with? | Which degree [does] {s} have? | With what did {s} graduate? | "
        "Tell me what {s} graduated with. | What is {s's} degree? | Do you know what {s} graduated with?"}),
    (r"<s> (?:<be>|got) married to <Name>(?: since <T>)?", {"Name":
        "Who [is] {s} married to? | Who is {s's} spouse? | To whom [is] {s} married? | "
        "Tell me who {s} [is] married to. | Do you know who {s} [is] married to? | {s} [is] married to whom? | "
        "What is the name of {s's} spouse?"}),
    (r"<s> <be> <x> years old", {"x": _AGE}),
    (rf"(?P<s>I|we|(?:my|our) (?:{KIN}|{PET})|(?-i:[A-Z])[\w'-]+(?: (?-i:[A-Z])[\w'-]+)*) (?:am|is|are) (?P<x>\d{{1,3}})",
        {"x": _AGE}),
    (r"the (?:deadline|due date) (?:of|for) <x> is (?:on )?<T>|<thing> (?:is|are) due (?:on|by|at|in)? ?<T2>", {"T":
        "When is the deadline for {x}? | When is {x} due? | What is the due date of {x}? | "
        "Tell me the deadline for {x}. | By when must {x} be done? | Do you know when {x} is due? | "
        "The deadline for {x} is when?", "T2":
        "When is {thing} due? | What is the due date of {thing}? | By when must {thing} be done? | "
        "Tell me when {thing} is due. | "
        "What is the deadline for {thing}? | Do you know when {thing} is due? | {thing} is due when?"}),
    (r"<s> takes? (?P<x>[\w -]+? (?:mg|milligrams|pills?|tablets?)(?: of [\w -]+?)?|[a-z]+(?:in|ol|ine|one|ide|formin|"
        r"pril|statin))", {"x":
        "What medicine [does] {s} take? | Which medication [does] {s} take? | What [does] {s} take as medicine? | "
        "Tell me what medicine {s} [take]. | What is {s's} medication? | Do you know which medicine {s} [take]? | "
        "{s} [take] which medicine?"}),
    (r"<s> <be> (?:an? )?(?:\w+ly )?(?P<x>vegetarian|vegan|pescatarian|lactose intolerant|gluten-free|kosher|halal|"
        r"diabetic|celiac|coeliac)", {"x":
        "What diet [does] {s} follow? | Which dietary restriction [does] {s} have? | "
        "What kind of diet [does] {s} have? | What should a cook know about {o}? | Tell me {s's} diet. | "
        "Do you know what diet {s} [follow]? | What [is] {s} when it comes to food?"}),
    (r"<s> (?:wakes?|gets?) up (?:\w+ ){0,2}?(?:at|around) <T>", {"T":
        "When [does] {s} wake up? | What time [does] {s} get up? | At what time [does] {s} wake up? | "
        "Tell me when {s} [wake] up. | How early [does] {s} get up? | Do you know when {s} [wake] up? | "
        "{s} [wake] up at what time?"}),
    (r"(?P<x>(?:the|our|my) [\w -]*?(?:project|app|team|company|site|website|server|backend|code|service|product)|"
        r"project [\w-]+) uses <tool>", {"tool":
        "What does {x} use? | Which tool does {x} use? | What is used by {x}? | Tell me what {x} uses. | "
        "What is {x} built on? | Do you know what {x} uses? | {x} uses what? | What technology does {x} rely on?"}),
    (r"<thing> (?:is|are) (?:located|situated) (?:in|at|on|"
        r"near) <place>", {"place": _KEPT.replace("is {thing}", "is {thing} located", 1)}),
    (r"<thing> (?:is|are) (?:stored|kept|hidden) (?:in|on|at|under|"
        r"behind) <place>", {"place": _KEPT.replace("is {thing}", "is {thing} kept", 1)}),
    (r"<s> (?:keep|store|hide|park)s? <x> (?:in|on|at|under|behind) <place>", {"place":
        "Where [does] {s} keep {x}? | In what place [does] {s} keep {x}? | Tell me where {s} [keep] {x}. | "
        "Where is {x}? | Do you know where {s} [keep] {x}? | Where can {s} find {x}? | {s} [keep] {x} where?"}),
    (r"<thing> costs? (?P<price>[$€£]?\d[\d.,]*(?: \w+){0,4})", {"price": _COST}),
    (r"<s> (?:have|has|own|owns) (?P<x>(?:an?|two|three|four|five|\d+) [\w' -]+?)", {"x":
        "What [does] {s} have? | What is one thing that {s} [have]? | Tell me what {s} [have]. | "
        "What is something {s} [have]? | Do you know what {s} [have]? | {s} [have] what? | What belongs to {o}?"}),
)

ATTRIBUTE_WHO = (
    "Who {be} {s's} {k}? | Tell me who {s's} {k} {be}. | Who {be} the {k} of {s}? | Do you know who {s's} {k} {be}? | "
    "{s's} {k} {be} who? | Which person {be} {s's} {k}? | Name {s's} {k}. | Can you say who {s's} {k} {be}?"
)
ATTRIBUTE = (
    "What {be} {s's} {k}? | Tell me {s's} {k}. | What {be} the {k} of {s}? | Do you know {s's} {k}? | "
    "{s's} {k} {be} what? | Which {k} [does] {s} have? | {s's} {k}? | Can you remind me of {s's} {k}?"
)

# {D} inverted clause without the slot, {I} the same in statement order, {E} the statement with the question word
# in place, {wh} the question word, {p} the preposition, {V} the predicate, {be} its copula, {was} is or was.
FAMILIES: dict[str, str] = {
    "time": "When {D}? | Tell me when {I}. | {Which} {D}? | When {was} it that {I}? | Do you know when {I}? | {E}? | "
        "Can you say when {I}?",
    "bound": "{P} when {D}? | Tell me {p} when {I}. | {E}? | Do you know {p} when {I}? | Can you say {p} when {I}? | "
        "I would like to know {p} when {I}.",
    "place": "Where {D}? | Tell me where {I}. | {P} what place {D}? | Where {was} it that {I}? | "
        "Do you know where {I}? | {E}? | Can you say where {I}?",
    "price": "For how much {D}? | What {was} the price when {I}? | Tell me for how much {I}. | {E}? | "
        "Do you know for how much {I}? | For what price {D}?",
    "duration": "How long {D}? | For how long {D}? | Tell me how long {I}. | Do you know how long {I}? | {E}? | "
        "How long {was} it that {I}?",
    "age": "At what age {D}? | How old {was} the one in question when {I}? | Tell me at what age {I}. | "
        "At which age {was} it that {I}? | Do you know at what age {I}? | {E}? | Can you say at what age {I}?",
    "because": "Why {D}? | For what reason {D}? | Tell me why {I}. | What {was} the reason why {I}? | "
        "Do you know why {I}? | Can you explain why {I}?",
    "purpose": "For what purpose {D}? | Why {D}? | With what aim {D}? | Tell me for what purpose {I}. | "
        "Do you know what purpose it had that {I}? | What {was} the aim when {I}?",
    "object": "{Wh} {D}? | Tell me {wh} {I}. | {Wh} {was} it that {I}? | Do you know {wh} {I}? | {E}? | "
        "Can you remind me {wh} {I}? | I would like to know {wh} {I}.",
    "prepositional": "{Wh} {D}? | {P} {whom} {D}? | Tell me {wh} {I}. | {Wh} {was} it that {I}? | {E}? | "
        "Do you know {wh} {I}? | Can you remind me {wh} {I}?",
    "agent": "By {whom} {D}? | {Wh} {D} by? | Tell me by {whom} {I}. | {Wh} {was} it that {I} by? | {E}? | "
        "Do you know by {whom} {I}? | {Who_active}? | Can you say by {whom} {I}?",
    "subject": "{Wh} {V}? | Tell me {wh} {V}. | {Wh} {was} it that {V}? | Do you know {wh} {V}? | {Which} {V}? | "
        "Can you name {wh} {V}? | {By}?",
    "definite": "{Wh} {be} {Y}? | Tell me {wh} {be} {Y}. | Name {Y}. | {Which} {be} {Y}? | "
        "Do you know {wh} {be} {Y}? | {Y} {be} {wh}? | Can you say {wh} {be} {Y}?",
    "complement": "{Wh} {D}? | Tell me {wh} {X} {be}. | {X} {be} {wh}? | Do you know {wh} {X} {be}? | "
        "How would you describe {X}? | What can be said about {X}? | What is known about {X}?",
}

CLOZE = (
    "Complete this: '{gap}' | Fill in the blank: '{gap}' | What is missing here: '{gap}'? | "
    "Which words belong in the gap: '{gap}'? | '{gap}' What goes in the blank? | "
    "Replace the blank with what was said: '{gap}' | What should stand in place of the blank in '{gap}'?"
)

NAMED = (
    "{Q}? | {S}? | Complete this: '{gap}' | Tell me, {s}? | Remind me: {q}? | What is missing here: '{gap}'? | "
    "I would like to know: {s}? | Do you still know, {q}?"
)

ANSWERED = (
    "{Q} | Remind me: {q} | Tell me, {q} | Quick question: {q} | I would like to know: {q} | Do you still know, {q} | "
    "What was the answer to this: {q} | One more thing, {q}"
)
