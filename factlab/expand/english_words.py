"""Words of English that decide over how a fact is worded; `english.py` reads them."""

from __future__ import annotations

from factlab.grading.text import word_set

# Written in capitals.
UPPER = word_set(
    "ceo cto cfo coo cio cmo ciso vat gdp gnp iq eq url ip id api rpm isbn issn usb ram cpu gpu "
    "dpi bmi iban bic rrp msrp apr apy mpg spf icao iata ipo esg eta hq mvp gpa tv uv led lcd "
    "ph dna rna faq sla kpi roi nps pin vin imdb sku ean upc utc gmt sat ld50 ic50 tdp"
)
# Verbs that a relation's name may begin with: has_capital.
LED_IN = word_set("has have had is was gets get")
# Singular in spite of their last letter.
NOT_PLURAL = word_set(
    "lens gas bias atlas canvas chaos news series species headquarters diabetes rabies measles "
    "rickets herpes christmas thanks texas paris plus focus campus census status basis crisis "
    "bus mathematics physics economics athletics gymnastics politics ethics optics genius yes "
    "kansas arkansas alias iris tennis chess address business process access success mass class "
    "glass grass cross loss boss press dress progress express illness fitness wilderness "
    "princess hostess goddess fortress mattress compass axis analysis thesis emphasis oasis "
    "virus minus surplus corpus opus nexus lotus cactus citrus octopus circus"
)
IRREGULAR_PLURALS = word_set("people men women children feet teeth mice geese sheep oxen dice")
# Last words of names that take a plural verb: the Rocky Mountains.
PLURAL_NAMES = word_set(
    "mountains alps islands isles hills towers twins olympics games awards lakes brothers sisters"
)
# No verbs in spite of their last letter.
NO_VERBS = word_set("as its his this always sometimes perhaps across towards besides less yes")
# Relations whose answer is a person.
ROLES = word_set(
    "ceo cto cfo coo cio cmo chief head boss captain coach manager chairman chairwoman "
    "chairperson chair president mayor minister chancellor secretary king queen monarch pope "
    "bishop leader principal dean rector drummer singer guitarist bassist pianist vocalist "
    "frontman conductor author writer inventor founder cofounder co-founder architect composer "
    "painter director producer creator designer discoverer developer editor owner spouse "
    "husband wife partner father mother son daughter brother sister child winner champion "
    "runner-up victor successor predecessor heir host presenter narrator translator illustrator "
    "photographer sculptor poet librettist choreographer lyricist screenwriter showrunner "
    "sponsor patron ambassador spokesperson spokeswoman spokesman curator commander pilot "
    "astronaut goalkeeper striker quarterback trainer teacher mentor doctor lawyer judge "
    "governor senator treasurer superintendent caretaker keeper lead star actor actress "
    "protagonist hero villain namesake maintainer originator namer builder engineer chef "
    "sommelier brewer baker instructor supervisor advisor adviser cast"
)
# Roles that are played once.
SETTLED = word_set(
    "author writer inventor founder cofounder co-founder architect composer painter creator "
    "designer discoverer sculptor poet librettist lyricist screenwriter builder winner victor "
    "illustrator translator photographer choreographer namesake developer originator namer "
    "father mother"
)
# No roles in spite of their ending.
NOT_ROLES = word_set(
    "number tower river computer layer flavor power order center letter water paper color "
    "colour diameter perimeter parameter meter meters character chapter quarter border timber "
    "temper cover calendar register filter carrier floor motor error factor vector sector "
    "author's mirror door processor sensor monitor printer charger adapter container divisor "
    "numerator denominator multiplier fertiliser answer offer summer winter weather career "
    "frontier corner"
)
# Relations whose answer is a place.
PLACES = word_set(
    "birthplace location address venue site place home port destination capital residence seat "
    "origin homeland hometown city town village country state region province county district "
    "continent island street habitat neighbourhood whereabouts position base"
)
# What holds other things: a head office in a city.
SETTLEMENTS = word_set(
    "city town village country state region province county continent district municipality "
    "capital nation borough suburb commune prefecture kingdom republic"
)
# Relations whose answer is a sum.
MONEY = word_set(
    "price cost costs fee toll fine salary wage budget revenue turnover profit tuition rent "
    "fare charge debt bounty reward prize pay income valuation premium deposit tax sum donation "
    "loss subsidy grant allowance pension rate value worth capitalisation capitalization bill "
    "tariff"
)
# Relations that say themselves that their answer is a date.
DATE_WORDS = word_set("date day year month birthday deadline anniversary time")
# Relations whose answer is something said.
SAYINGS = word_set("motto slogan catchphrase tagline watchword maxim inscription epitaph")
# What takes place on a date, beside whatever ends in -ing.
HAPPENINGS = word_set(
    "launch release premiere election wedding death birth arrival departure start end beginning "
    "completion construction inauguration foundation publication eruption invention discovery "
    "crash coronation merger closure demolition renovation expansion signature ratification "
    "adoption abolition independence retirement debut final kick-off introduction delivery "
    "inspection trial test strike revolution battle "
)
