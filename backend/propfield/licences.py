"""What a licence says about commercial use: SPDX ids, Creative Commons' names and addresses, plain words.

Read so that a doubt counts against: what is not known to allow commercial use of what is made from it is not
commercial-safe. This is a help to people who keep books of their inputs, no legal advice.
"""

import re
from dataclasses import dataclass
from typing import Any

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Licence:
    """A licence, read.

    Attributes:
        name: its SPDX id where it has one, else the words that were given; "unknown" for none.
        commercial: whether what is made from the work may be used commercially; None where that is not known.
        reason: why, as the end of a sentence.
    """

    name: str
    commercial: bool | None
    reason: str


# SPDX ids (https://spdx.org/licenses) that allow commercial use. GPL's kin ask that the work itself is passed
# on under the same licence, which what is learned from it or fitted with it is not.
_OPEN_IDS = (
    "0BSD AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause "
    "BSD-3-Clause BSL-1.0 CC-PDDC CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 ECL-2.0 EPL-2.0 "
    "EUPL-1.2 GPL-2.0 GPL-2.0-only GPL-2.0-or-later GPL-3.0 GPL-3.0-only GPL-3.0-or-later ISC "
    "LGPL-2.1 LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0 LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 "
    "MPL-2.0 MS-PL MulanPSL-2.0 NCSA ODC-By-1.0 ODbL-1.0 OFL-1.1 PDDL-1.0 PSF-2.0 Unlicense WTFPL "
    "Zlib"
)
_OPEN = {id.lower(): id for id in _OPEN_IDS.split()}
_WORDS = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "cc0": "CC0-1.0",
    "creative commons zero": "CC0-1.0",
    "mit license": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "gplv3": "GPL-3.0",
    "agplv3": "AGPL-3.0",
}
# Of Flickr and of COCO's table (ids 7 and 8), and of the free stock of photos; the licences have no SPDX ids.
# What allows something must be all that is said; what forbids it may stand anywhere.
_SENTENCES: tuple[tuple[str, bool | None, str], ...] = (
    (r".*(non-?\s?commercial|research (use |purposes )?only|academic|scientific).*", False,
     "it is for non-commercial use only"),
    (r".*all rights reserved.*", False, "all rights are reserved"),
    (r".*no known copyright restrictions.*", None, "nobody grants anything by it"),
    (r"united states government work|us government work", True, "it is in the public domain"),
    (r"public domain( mark( 1\.0)?)?|\S*creativecommons\.org/publicdomain/mark\S*", True,
     "it is in the public domain"),
    (r"own work|our own|my own", True, "it is your own"),
    (r"(the )?(unsplash|pexels|pixabay)( content)? licen[sc]e", True, "it allows commercial use"),
)  # fmt: skip
_CC_ADDRESS = re.compile(r"creativecommons\.org/licenses/([a-z-]+)(?:/(\d(?:\.\d)?))?")
_CC_ID = re.compile(r"^cc[- ](by(?:[- ](?:nc|sa|nd))*)(?:[- ]v?(\d(?:\.\d)?))?(?:[- ][a-z]{2,4})?$")
_CC_WORDS = re.compile(
    r"^(?:creative commons )?attribution((?:[-– ](?:non-?commercial|share-?alike|no-?deriv(?:ative)?s))*)"
    r"(?: (\d\.\d))?(?: (?:international|unported|generic))?(?: licen[sc]e)?(?: (\d\.\d))?$"
)
_CC_PARTS = {"c": "nc", "a": "sa", "d": "nd"}


def read_licence(text: str | None, address: str = "") -> Licence:
    """The licence that a text names: an SPDX id or expression, a name, or a web address; `address` is one
    that stands beside the name, as in COCO files, and is believed first. Anything else is unknown."""
    for words in (address, text or ""):
        found = _read(words.strip())
        if found.commercial is not None:
            return found
    name = " ".join((text or "").split())[:200]
    return _read(name) if name else Licence(UNKNOWN, None, "it is not known")


def _read(text: str) -> Licence:
    plain = " ".join(text.lower().split())
    joined = re.split(r"\s+(and|or)\s+", text.strip("() "), maxsplit=1, flags=re.IGNORECASE)
    if len(joined) == 3 and all(_single(part) for part in (joined[0], joined[2])):
        return _joined(text, _read(joined[0]), joined[1].lower(), _read(joined[2]))
    single = _single(text)
    if single is not None:
        return single
    for pattern, commercial, reason in _SENTENCES:
        if re.fullmatch(pattern, plain):
            return Licence(text, commercial, reason)
    return Licence(text or UNKNOWN, None, "it is not known whether it allows commercial use")


def _single(text: str) -> Licence | None:
    """A licence with an id of its own; None for all others."""
    plain = " ".join(text.lower().split()).strip("() ")
    if "creativecommons.org/publicdomain/zero" in plain:
        plain = "cc0-1.0"
    plain = re.sub(r"\s+with\s+\S+$", "", plain)
    name = _OPEN.get(plain) or _WORDS.get(plain)
    if name is not None:
        return Licence(name, True, "it allows commercial use")
    creative = _CC_ADDRESS.search(plain) or _CC_ID.match(plain)
    if creative is not None and set(re.split("[- ]", creative[1])) <= {"by", "nc", "sa", "nd"}:
        return _creative_commons(re.split("[- ]", creative[1]), creative[2])
    worded = _CC_WORDS.match(plain)
    if worded is None:
        return None
    words = re.findall(r"non-?c|share-?a|no-?d", worded[1])
    return _creative_commons(["by", *(_CC_PARTS[word[-1]] for word in words)], worded[2] or worded[3])


def _creative_commons(parts: list[str], version: str | None) -> Licence:
    name = "-".join(["CC", *(part.upper() for part in parts), *([version] if version else [])])
    if "nc" in parts:
        return Licence(name, False, "it is for non-commercial use only")
    if "nd" in parts:
        return Licence(name, False, "it forbids passing on what is made from the work")
    return Licence(name, True, "it allows commercial use")


def _joined(text: str, left: Licence, word: str, right: Licence) -> Licence:
    """SPDX expressions: both licences bind, or the better one of two may be chosen."""
    rank = [False, None, True]
    best_first = sorted((left, right), key=lambda each: -rank.index(each.commercial))
    chosen = best_first[0] if word == "or" else best_first[1]
    return Licence(text, chosen.commercial, chosen.reason)


def entry(what: str, licence: Licence | str, commercial: bool | None = None) -> dict[str, Any]:
    """An input in a ledger: {"what", "licence", "commercial"}; of words, what they say about commercial use,
    unless `commercial` says it."""
    read = read_licence(licence) if isinstance(licence, str) else licence
    allowed = read.commercial if commercial is None else commercial
    return {"what": what, "licence": read.name, "commercial": allowed}
