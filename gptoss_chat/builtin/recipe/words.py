"""Words that several skills draw from, the capitals, and the honest answer to what is outside the field.

Knows nothing of questions.
"""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


WORDS = listed(
    """
    actor address album anchor angle animal answer apple arrow autumn baby baker ball balloon banana basket beach bean bear begin
    belt bicycle bike bitter black blanket blossom blue bone bookkeeper bottle branch bread breeze bridge brown butter button
    cabbage camera candle card carpet castle chair cherry chess child chimney cinnamon circle city climb clock close cloud coat
    coffee coin committee compass computer copper corner cotton cousin cricket crystal curtain daisy dance dark deer dentist
    desert diamond dinner doctor dolphin donkey door dragon draw dream drum duck eagle earth east elbow elephant eleven emerald
    engine engineer evening every exact expert falcon farmer feather finger finish fish flower flute forest fountain fresh friend
    frog galaxy game garden ghost giant giraffe give glass glove gold grape guitar hair hammer hand harbor hawk hazel heart heaven
    hello helmet help hill hippo honey horse hotel hour house idea igloo insect iron island ivory jacket jewel joke journey juice
    jungle kangaroo kettle keyboard king kitchen kite kitten knight ladder lamp language lantern laugh learn lemon letter library
    light lion lizard lobster loud magnet mango marble market meadow melon minute mirror mississippi model monkey month moon
    morning mother mountain mouse music napkin nectar needle nephew night north nose number nurse object ocean office olive onion
    opera orange orchid oven oyster paint painter paper parallel parrot party pasta peach pebble pencil people pepper photo piano
    picture pillow pilot pink pirate planet plate plum pocket poem potato prince pumpkin puzzle quack quarter quartz queen
    question quick quiet quilt rabbit radio rain raspberry read reason ribbon river road robin rock rocket roof room root rose
    router saddle salt sandwich school scissors seal seed shadow shark sheep shirt short silk silver sing singer sister sleep slow
    small smile snail snow sock soft song soup south spider spoon spring square stone strawberry street success sugar summer
    sunset sweet swim table take tall teach teacher temple tennessee think thread throw thumb thunder ticket tiger toast token
    tomato tower town train travel tree trumpet tunnel turtle umbrella uncle under union upper urban utensil valley vanilla vase
    velvet village violin visit voice volcano vulture wagon walk wall walnut water weather week whale wheel whisper white wind
    window winter wizard wolf wonder wood wool world write writer xylophone yard yellow yes yoga yogurt zebra zero zoom
    """
)

BEST_KNOWN = 40
"""How many of the capitals, from the first, are asked for their country too."""

CAPITALS = tuple(
    (country.strip(), capital)
    for country, capital in (
        pair.split("=")
        for pair in """
    France=Paris;Germany=Berlin;Italy=Rome;Spain=Madrid;Portugal=Lisbon;Austria=Vienna;Poland=Warsaw;Greece=Athens;Ireland=Dublin;
    Norway=Oslo;Sweden=Stockholm;Finland=Helsinki;Denmark=Copenhagen;Hungary=Budapest;Belgium=Brussels;Japan=Tokyo;China=Beijing;
    India=New Delhi;Egypt=Cairo;Kenya=Nairobi;Peru=Lima;Chile=Santiago;Canada=Ottawa;Cuba=Havana;Mexico=Mexico City;Brazil=Brasilia;
    Argentina=Buenos Aires;Australia=Canberra;Turkey=Ankara;Iran=Tehran;Iraq=Baghdad;Thailand=Bangkok;Russia=Moscow;Ukraine=Kyiv;
    Romania=Bucharest;Switzerland=Bern;the Netherlands=Amsterdam;the United Kingdom=London;the United States=Washington;
    Czechia=Prague;Vietnam=Hanoi;Bulgaria=Sofia;Morocco=Rabat;Iceland=Reykjavik;Colombia=Bogota;Nepal=Kathmandu;Croatia=Zagreb;
    South Korea=Seoul;New Zealand=Wellington;Saudi Arabia=Riyadh;Afghanistan=Kabul;Pakistan=Islamabad;Bangladesh=Dhaka;
    Indonesia=Jakarta;Malaysia=Kuala Lumpur;the Philippines=Manila;Singapore=Singapore;Syria=Damascus;Lebanon=Beirut;
    Jordan=Amman;Qatar=Doha;Libya=Tripoli;Tunisia=Tunis;Algeria=Algiers;Sudan=Khartoum;Ethiopia=Addis Ababa;Ghana=Accra;
    Nigeria=Abuja;Somalia=Mogadishu;Zimbabwe=Harare;Venezuela=Caracas;Ecuador=Quito;Uruguay=Montevideo;Panama=Panama City;
    Jamaica=Kingston;Serbia=Belgrade;Slovakia=Bratislava;Lithuania=Vilnius;Cyprus=Nicosia;Georgia=Tbilisi;Luxembourg=Luxembourg
    """.strip().split(";")
    )
)

HONEST = (
    "I am the small built-in model. I can do arithmetic, conversions, letters and words, sorting, dates and a few facts. "
    "For a real gpt-oss, run: gptoss-chat models pull openai/gpt-oss-20b"
)
