"""Sentences of a chat that only keep it going: greetings, thanks, assent, praise of an answer, talk about the chat itself.

Rules, not a model, and made to err on the side of keeping: what no rule knows is a statement. They know English.
"""

from __future__ import annotations

import re

from slowwave.queries import ADVERBS, core, of_oneself, rule

__all__ = ["is_chatter", "is_remark"]


_LIKED = (
    r"(?:great|good|helpful|useful|perfect|awesome|amazing|interesting|reasonable|nice|wonderful|fantastic|lovely|sense"
    r"|practical|appealing|excellent|brilliant|cool|fun|funny|true|right|correct|fine|ok|okay|delicious|fascinating"
    r"|impressive|inspiring|valuable|insightful|informative|complicated|difficult|professional|like a plan|important"
    r"|famous|best|better|exciting|beautiful|touching|educational|helps?|helped|options?|resources|what i (?:need|want"
    r"|was looking)\w*|a lot|interested|relaxing|worth)"
)
_POINTER = (
    r"(?:it|that|this|these|those|them|(?:all|some|any|both|one|a few|each) of (?:it|these|those|them|your)|some(?= out| too)"
    r"|your|you|what you|the (?:\w+ )?(?:advice|tips?|suggestions?|recommendations?|methods?|one|ones)(?: you)?)"
)
_WHOLE = rule(
    r"(?:many )?thanks|thank you|thx|cheers|(?:it is )?much appreciated|understood|noted|agreed|well said|same here|me too"
    r"|never ?mind|very good|will do|next|go on|good luck|you too|(?:it's|that's|that is) (?:decided|settled)",
    r"(?:i|we) (?:see|understand|agree|know|hope so|think so|guess so|got it|get it|like it|love it|can imagine|bet"
    r"|feel the same(?: way)?)|(?:i've|i have) (?:taken|made) (?:a )?note of (?:it|that|this|them)",
    r"(?:i|we) (?:really |also )?(?:like|love) (?:(?:all )?(?:of )?(?:that|this|these|those|your))(?: \w+)? (?:ideas?"
    r"|suggestions?|tips?|recommendations?|approach|options?|advice)",
    r"(?:(?:it|that|this) )?makes? (?:a lot of |perfect |total )?sense|(?:that's|that is|that will be) (?:all|it|enough)"
    r"(?: i need\w*| for (?:now|today|the moment))*",
    r"(?:very |really |what |such )*(?:an? )?(?:good|great|nice|helpful|useful|interesting|excellent|brilliant) (?:suggestions?"
    r"|ideas?|points?|advice|tips?|questions?|answers?|explanation|to know|to hear)",
    r"(?:not|nothing) (?:at the moment|really|yet|now|today|else|more|for now)(?: (?:for now|today|thanks))?",
    r"(?:nice|good|great|pleased|glad|happy) to (?:meet|see|hear|talk|chat|know)(?: \w+){0,4}",
    r"(?:how are you|how's it going|what's up|how have you been|how about you|what about you)(?: \w+){0,3}",
    r"(?:i'm|i am) (?:back|here)(?: again)?(?: to (?:chat|talk)(?: \w+){0,4})?",
    r"(?:it was|it's|it is|it has been|it's been) (?:so |really |very |always )?(?:nice|great|good|lovely|a pleasure|a long time"
    r" since)(?: to)?(?: we)? (?:talk|chat|meet|see|hear|speak)\w*(?: (?:(?:to|with|from) )?you(?: \w+){0,3})?",
    r"(?:today,? )?(?:i|we) (?:have|had|'ve got) (?:an?|another|one|some) (?:\w+ )?(?:question|request|comment|favou?r|problem"
    r"|good news|great news|bad news|exciting news)s?(?: (?:for|to ask|to share with) you| to ask)?(?: today| now)?",
    r"(?:as|like) i (?:said|mentioned)|for example|for instance|one more thing|quick question|hope (?:that|this) helps",
    r"(?:today is|it's|what) a (?:\w+ )?(?:beautiful|lovely|nice|great) day|(?:today's |the )?weather (?:is|has been)(?: \w+)?"
    r" (?:nice|good|lovely|great|beautiful|bad|hot|cold|warm|sunny|terrible|gloomy)(?: today| lately| recently)?",
    r"(?:let's|we can|we should) (?:talk|chat|discuss|stay in touch)\b.*",
    r"this is (?:our|my) first (?:chat|time (?:chatting|talking))\b.*",
)
"""The whole of a sentence without its opening."""
_OPEN = rule(
    r"(?:i hope|let's|we can|we should|i look forward to|looking forward to) (?=.*\b(?:chat(?:ting)?|talk(?:ing)?|topics?|stay"
    r" in touch|conversations?|keep in touch)\b)",
    r"(?:(?:many )?thanks|thank you|thx|cheers)\b(?! to\b)|for (?:all )?(?:your|the) (?:help|advice|tips?|suggestions?)\b",
    r"(?:i|we) (?:really |truly |so |do |highly )*appreciate (?:it|that|this|your?|the|all)\b|(?:i'm|i am) (?:(?:so|very|really"
    r"|truly) )?(?:(?:grateful|thankful)\b|(?:glad|happy|pleased) (?:you|to (?:hear|help|chat|talk)|that (?:you|helped))\b)",
    rf"(?:(?:i|we)(?:'ll| will| should|'m going to| am going to|'m gonna| can| need to| have to)|let me) {ADVERBS}"
    rf"(?:(?:be sure to|make sure to|try to|have to|need to|do my best to|try my best to|seriously|certainly|go) )*(?:"
    rf"(?:check(?: out)?|try(?: out)?|look (?:at|into|through)|consider|follow|remember|think (?:about|on|over)|implement|apply"
    rf"|explore|work on|research|learn from|start with|do|reflect on) {_POINTER}|(?:bear|keep) {_POINTER}(?: \w+)? in mind"
    rf"|put {_POINTER} (?:in|into) practice|give {_POINTER}(?: \w+)? a (?:try|go|shot|look|read)|take (?:note|a look|{_POINTER}"
    r" (?:\w+ )?(?:into|to heart|on board)|(?:your|the|that|this|these) (?:advice|suggestions?|tips?)))\b",
    r"(?:see|talk|speak|chat) (?:to |with )?(?:you|ya|soon|later|tomorrow|again)\b|(?:good ?bye|good ?night|bye|take care"
    r"|farewell)\b|have a (?:nice|good|great|lovely)\b",
    r"(?:you'?re|you are|you)\b(?! (?:can|could|should|must|need|have|will|may|might)\b)(?: \w+){0,3}? (?:right|welcome|correct"
    r"|kind|helpful|smart|funny|companion|friend|assistant|best|amazing|awesome|great|good|help me|know a lot|explaining)\b",
    r"(?:(?:today|yesterday)'s |our |this )(?:chat|conversation|talk)\b|(?:chatting|talking) (?:with|to) you\b|in the process of"
    r" talking to you\b|back to (?:my|the|our|that|your)\b",
)
"""The beginning of a sentence that is chatter unless its rest tells something."""
_REMARK = rule(
    r"(?:(?:i|we) (?:think|guess|feel|believe|find|must say|have to say)(?: that)? )?(?:(?:and|all|both|most|some|each)(?: of)?"
    r" )?(?:that|this|it|these|those|they|your|the (?:\w+ )?you)\b(?:'s|'re|'d|'ll| [\w'-]+){0,9}?"
    r" ?\b(?:be|is|are|was|were|'s|'re|sounds?|looks?|seems?|makes?|helps?|helped|works?|has been|have been)\b.*"
)
_APPRAISES = rule(rf"\b{_LIKED}\b")
_FIRM = re.compile(r"\d|(?<=[\w,;] )[A-Z][a-z]|\b(?:my(?! best)|our|mine)\b")
"""Numbers, names and what is one's own: what is more than politeness."""
_ADDRESS = rule(
    r",? *\b(?:my )?(?:dear |helpful |good |smart )*(?:friend|assistant|buddy|companion|chat ?bot|(?:chat )?ai(?: \w+)?)(?=\W*$)"
)


def is_chatter(sentence: str) -> bool:
    """Whether a sentence only greets, thanks, agrees, or speaks about the conversation itself.

    >>> is_chatter("Thanks for the tips!"), is_chatter("Thanks to my sister I moved.")
    (True, False)
    """
    said = _ADDRESS.sub("", core(sentence).rstrip("?!.… ,"))
    if not re.search(r"\w", said) or _WHOLE.fullmatch(said):
        return True
    opening = _OPEN.match(said)
    return opening is not None and not of_oneself(said[opening.end() :]) and not _FIRM.search(said[opening.end() :])


def is_remark(sentence: str) -> bool:
    """Whether a sentence only appraises what was said before it: "That sounds great!", "It was fantastic."."""
    said = core(sentence)
    rest = said.partition(" ")[2]
    return bool(_REMARK.fullmatch(said) and _APPRAISES.search(said) and not of_oneself(said) and not _FIRM.search(rest))
