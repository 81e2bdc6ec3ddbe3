"""What a sentence of a chat wants: to know something, to get something done now, or nothing, because it tells something.

Rules, not a model, and made to err on the side of keeping: a request that tells something about the speaker ("... for my
iPhone 13, which I bought last week") is no mere request. They know English; of other languages they know question marks.
"""

from __future__ import annotations

import re

__all__ = [
    "ADVERBS",
    "HELP",
    "asks",
    "core",
    "is_question",
    "is_request",
    "of_oneself",
    "rule",
    "tells",
    "without_request",
]

_GAP = re.compile(r"[\s,.!;:…—–-]*")
_END = "\"'”’)*] \n"
_LONGEST = 1000
"""Characters of a sentence that a request is looked for in the middle of."""


def rule(*patterns: str) -> re.Pattern[str]:
    """One pattern for any of these, whatever the case."""
    return re.compile("|".join(f"(?:{one})" for one in patterns), re.IGNORECASE)


# -- how a sentence opens --------------------------------------------------------------------------------------------

_FRIEND = r"(?:,? (?:there|again|friend|my friend|everyone|all|ai(?: (?:companion|friend|assistant))?|assistant|dear))*"
_OPENER = rule(
    rf"(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening|day)){_FRIEND}(?=\W|$)",
    r"(?:yes|yeah|yep|yup|no|nope|nah|ok|okay|sure|of course|alright|all right|wow|oh|ah|aha|hm+|ha(?:ha)+|lol|well|so"
    r"|anyways?|also|and|but|then|actually"
    r"|honestly|definitely|absolutely|exactly|indeed|sorry|please|first of all|by the way|btw|speaking of which|in that case)"
    r"(?=[\s,.!;:…—–-]|$)",
    r"(?:no (?:problem|worries)|thank(?:s| you)(?: again| a lot| a bunch| so much| very much)?|right|great|cool|nice|perfect"
    r"|awesome|excellent|wonderful|fantastic|amazing|true|(?:good|great) (?:idea|point)|fair enough|(?:i )?got it|i see)"
    r"(?=[,.!;:…—–-]|\s*$)",
    r"(?:ai companion|(?:my )?friend|assistant)(?=[,.!:])",
)


def core(sentence: str) -> str:
    """The sentence without what only opens it: "Oh, and by the way, I moved." is "I moved."."""
    sentence = sentence.replace("’", "'")
    at = _skip(sentence, 0)
    while (found := _OPENER.match(sentence, at)) and found.end() > at:
        at = _skip(sentence, found.end())
    return sentence[at:].rstrip(_END)


def _skip(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


# -- what tells something about the speaker --------------------------------------------------------------------------

_PEOPLE = (
    r"(?:wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|mother|mom|mum|father|dad|parents?|sisters?"
    r"|brothers?|siblings?|sons?|daughters?|kids?|child|children|baby|toddler|twins?|nieces?|nephews?|cousins?|aunt"
    r"|uncle|grand\w+|boss|colleagues?|co-?workers?|roommates?|neighbou?rs?|dogs?|cats?|puppy|kitten|horse|rabbit"
    r"|hamster|parrot|family|thesis|wedding|anniversary|birthday)"
)
_NOT_TOLD = (
    r"(?: (?:also|just|really|still|only|even|actually|always|definitely|probably))*"
    r"(?: ?(?:'ll|'d)| (?:can|could|can't|cannot|should|shouldn't|may|might|must|would|will|won't|need|needed|want|wanted"
    r"|wish|hope|guess|think|wonder|wondered|mentioned|asked|told|tell|said|say|appreciate|don't know|do not know|don't (?:miss"
    r"|forget|overspend|have to|want to)|(?:like|love|enjoy|prefer)(?= *\W*$)|(?:have|am going|am able) to)"
    r"|(?: am| was|'m|'ve been) (?:also |just |still |really |currently |actively )*(?:wondering|looking (?:for|to|into|at)"
    r"|searching|curious|interested|doing (?:it|this|that)|not sure|unsure|having trouble|struggling|confused|grateful"
    r"|thankful))\b"
)
"""What is said of oneself without telling anything: what one may, should, needs or wonders."""
_TELLS = rule(
    rf"(?<!\bif )(?<!whether )(?<!\bdo )(?<!should )(?<!\bcan )(?<!could )(?<!\bmay )(?<!would )(?<!\bam )(?<!\bdid )"
    rf"(?<!suggest )(?<!recommend )\b(?:i|we)\b(?!{_NOT_TOLD})(?='(?:m|ve|re)\b|(?-i: [a-z]))",
    r"(?-i:\b(?:[Mm]y|[Oo]ur)(?:,? [\w'-]+){0,5}?,? (?:[\w'-]*\d|[A-Z][a-z]|[A-Z]{2}))",
    rf"\b(?:my|our)(?: [\w'-]+){{0,2}} {_PEOPLE}\b",
    r"\b(?:my|our)(?: (?!to\b)[\w'-]+){1,3}? (?:is|are|was|were|has|have|had|isn't|aren't|doesn't|don't|won't|keeps|broke|died"
    r"|got|went|lives|works|loves|likes|hates|wants|needs)\b",
    r"[,;:–-] (?:he|she)(?:'s|(?: \w+ly)? (?:is|was|has|had|loves|likes|hates|wants|needs|lives|works|\w+ed)\b)",
)
_ASIDE = rule(
    r"\b(?:from now on|always|never|every time|me only)\b",
    r"\b(?:\w+ed|took|takes|cost|costs|gave|gives|made|makes|got|bought|sent|taught) (?:me|us)\b|\blike (?:myself|ourselves)\b",
)
"""What tells something in a request only: a standing wish, what befell the speaker."""

_ASKED = rule(
    r"\b(?:how (?:many|much|often|long)|what|which)(?: (?!i\b|we\b)[\w'-]+){1,3} (?:i|we)\b|\bwhat (?:i|we)\b"
)
"""A clause of one's own that is itself asked for: "how many bikes I have"."""


def tells(sentence: str) -> bool:
    """Whether a question, request or remark also tells something: what one did or has, a name or number of one's own.

    A standing wish counts as well: "Always ...", "from now on".

    >>> tells("Can you suggest a case for my iPhone 13?"), tells("Can you suggest a good case I could buy?")
    (True, False)
    """
    return of_oneself(sentence) or _ASIDE.search(sentence) is not None


def of_oneself(sentence: str) -> bool:
    """Whether a text says what its speaker did, is or has, or who is close to them."""
    return _TELLS.search(_ASKED.sub("", sentence.replace("’", "'"))) is not None


# -- questions and requests ------------------------------------------------------------------------------------------

HELP = (
    r"(?:help|assistance|advice|guidance|tips?|hints?|tricks?|ideas?|inspiration|suggestions?|recommendations?|info"
    r"|information|details|data|statistics|insights?|resources?|references?|explanations?|instructions|examples?|options"
    r"|alternatives|opinions?|feedback|thoughts|input|recipes?|playlists?|ways?|methods?|techniques?|strategies"
    r"|templates?|tutorials?|articles?|something similar|more about)"
)
ADVERBS = r"(?:(?:also|just|actually|currently|now|still|really|always|specifically|only|definitely|especially) )*"
_WANTS = rf"(?:i|we)(?:'m|'re|'ve been|'d| am| are| was| were| would| could)? ?{ADVERBS}"
_AFTER_HELP = r"(?=\W*$| (?:on|for|about|to|with|that|of|in|how|from|which|or|and|like|while|regarding|as|when)\b|,)"
_REQUEST = rule(
    r"(?:can|could|would|will) (?:you|u|we)\b|(?:can|could|may) i (?:also )?(?:get|have|ask|see|request)\b",
    r"(?:do|have) you (?:have|know|got) (?!my\b|our\b)|(?:do|did) you know (?:that )?(?:i|we|my|our)\b|(?:is|are) there (?:any"
    r"|some|an?)\b",
    r"(?:help|give|tell|show|teach|send|advise|enlighten|walk) (?:me|us)\b(?! call)",
    r"(?:explain|suggest|recommend|list|write|rewrite|rephrase|summari[sz]e|provide|describe|compare|generate|create"
    r"|translate|draft|share)(?=\W*$| (?:me|us|some|the|more|this|that|these|those|it|them|your|how|why|what|any|all|with me|with"
    r" us|\d+|an? (?!flat|house|room)\w+)\b)|(?:elaborate|expand|continue|keep going|go on|go ahead|feel free|try again|let me"
    r" know)\b",
    r"let's (?:talk|chat|discuss|start|begin|get|do|focus|move|see|say|go|try|continue|assume)\b",
    rf"{_WANTS}(?:look(?:ing)? (?:for|to (?:get|find))|search(?:ing)? for|in need of|need|use|want|like|love|appreciate"
    rf"|hop(?:e|ing) (?:for|to get)|trying to (?:get|find))(?: [\w'/-]+){{0,5}}? {HELP}{_AFTER_HELP}",
    rf"{_WANTS}(?:wondering|curious|wonder)\b",
    rf"{_WANTS}(?:like|love|want|wanted|need|interested|happy|hoping|here|have|looking)(?: to)? (?:to )?(?:know|hear"
    r"|knowing|hearing|ask|talk|chat|discuss|speak|see (?:if|what|how)|find out|learn(?:ing)? (?:more )?about|get (?:your"
    r"|some|more)|share with you|share (?:it|this|that|them|some)|you to|if you|your)\b",
    r"(?:i|we)(?:'ve got| have| had) (?:an?|another|one|some|two) (?:\w+ )?(?:questions?|requests?|comments?|favou?rs?)\b",
    rf"(?:any|some|more|other)(?: \w+)? {HELP}\b",
    r"(?:today|now|this time),? i (?:want|wanted|would like|'d like|need|have)(?: to)? (?:talk|chat|discuss|ask|speak|share"
    r"|a question)\b",
)
_QUESTION = rule(
    r"(?:what|where|when|why|how|which|who|whose)(?:'s| (?:is|are|was|were|do|does|did|can|could|should|would|will|am|have"
    r"|has|about|many|much|often|long|kind|type|sort)\b)",
    r"(?:do|does|did|have|are|is|were) (?:you|there|they|any|these|those)\b|(?:should|shall|am|could|may) i\b",
)
_ASKS = rule(
    r"(?:what|who|whom|whose|which|how|why|where|is|are|am|was|were|do|does|did|have|has|had|can|could|should|shall|will|would"
    r"|may|might|isn't|aren't|wasn't|don't|doesn't|didn't|haven't|hasn't|can't|won't|wouldn't|shouldn't)\b"
)
"""How a sentence with a question mark starts if it states nothing."""
_RECALL = rule(
    r"(?:(?:can|could|would|will) you )?(?:please )?(?:remind|tell|show) (?:me|us) (?:again )?(?:what|where|when|who|whose|which"
    r"|how|if|whether|my|our|the name|about (?:my|our)|again)\b",
    r"(?:do|can|could) you (?:still )?(?:remember|recall|know) (?!(?:of|any|some|good|an?|where i can|that i|that my|when)\b)",
)
_TAIL = re.compile(
    r"(?:\s*[,;:]|\s+[-–—])?\s+(?:(?:and|so|but|plus|if so)\b,?\s+)?(?:"
    r"(?:(?:i|we)(?:'m| am| was| were)|was|am) (?:also |just )?(?:wondering|curious)\b"
    rf"|(?:i|we)(?:'m| am)? (?:also |really |just )?(?:need|could use|would like|looking for|in need of|want)"
    rf"(?: [\w'/-]+){{0,4}}? {HELP}{_AFTER_HELP}"
    r"|i(?:'d| would) (?:like|love) to (?:know|hear|learn) "
    rf"|(?:so )?(?:if you (?:have|know)|any(?: \w+)? {HELP}|let me know|please)\b"
    r"|(?:can|could|would|will) you\b|(?:do|have) you (?:have|know|think|happen|ever|any|got|tried)\b"
    r"|(?:is|are) there (?:any|some)\b|(?:can|could|should) i\b|what (?:do|would|are|is|should|can|kind)\b"
    r"|(?:what|which|whose|how (?:much|many))(?: [\w'-]+){1,3}? (?:do|does|did|should|can|could|would|will) (?:i|we|you)\b"
    r"|(?:where|when|who|which|why) (?:do|did|should|can|could|would|will) (?:i|we|you)\b"
    r"|how (?:do|can|should|would)\b|(?:your|those|these) (?:suggestions?|tips?|advice) (?:are|is|were|was|sounds?|helped)\b)",
    re.IGNORECASE,
)
"""Where a request follows a statement in the same sentence."""


def is_question(sentence: str) -> bool:
    """Whether a sentence wants to know something, be it something that a memory is asked to recall.

    >>> is_question("What is my dog's name?"), is_question("Can you suggest a name for my dog?")
    (True, False)
    """
    said = core(sentence)
    if _RECALL.match(said):
        return True
    if _REQUEST.match(said):
        return False
    if _ends_asking(sentence):
        return _ASKS.match(said) is not None
    return _QUESTION.match(said) is not None and not tells(said)


def is_request(sentence: str) -> bool:
    """Whether a sentence asks for something that is of use at this moment only.

    >>> is_request("I'm looking for some tips on baking."), is_request("I'm looking for a new job.")
    (True, False)
    """
    return _REQUEST.match(core(sentence)) is not None or (_ends_asking(sentence) and not is_question(sentence))


def _ends_asking(sentence: str) -> bool:
    bare = sentence.rstrip(_END)
    quotes = re.search(r"(?<=\w[,:] )[\"“‘']", bare) and re.match(r"[\"”’']", sentence[len(bare) :])
    return bare.endswith(("?", "？")) and not quotes


def without_request(sentence: str) -> str:
    """What stands before a request in the same sentence; the whole sentence if there is none, or if it tells something.

    >>> without_request("I'm going to Jordan in May and I was wondering if you could help me pack.")
    "I'm going to Jordan in May"
    """
    plain = sentence.replace("’", "'")  # as many characters: places in one are places in the other
    while len(plain) <= _LONGEST and (end := _tail(plain)) is not None:
        plain = plain[:end]
    return sentence[: len(plain)]


def _tail(sentence: str) -> int | None:
    """Where a request begins behind a statement."""
    for found in _TAIL.finditer(sentence):
        head, tail = sentence[: found.start()], sentence[found.start() :]
        quoted = head.count('"') % 2 or head.count("“") > head.count("”")
        if not quoted and len(head.split()) >= 4 and not tells(tail) and not asks(head) and _SUBJECT.search(head):
            return found.start()
    return None


def asks(sentence: str) -> bool:
    """Whether a sentence is a question or a request."""
    return is_question(sentence) or is_request(sentence)


_SUBJECT = rule(r"\b(?:i|we|my|our|he|she|they|it)\b")
