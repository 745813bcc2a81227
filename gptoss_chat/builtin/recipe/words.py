"""Word lists, facts and fixed answers that the corpus is made of, all written for it."""

from __future__ import annotations


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS = _listed(
    """
    apple anchor arrow autumn angle actor banana basket bridge butter button beach bottle branch candle castle cherry circle
    cloud coffee copper corner cotton crystal dragon desert dinner doctor donkey door dream drum eagle earth engine evening
    eleven elbow feather finger flower forest fountain friend frog garden ghost giraffe glass gold grape guitar hammer harbor
    helmet honey horse house hotel insect island iron ivory jacket jewel jungle juice kettle kitchen kitten king knight ladder
    lantern lemon letter library lizard lion magnet mango market meadow mirror mississippi monkey moon morning mountain mouse
    music napkin needle nephew night north nurse ocean office olive onion orange orchid oven paper parrot pencil pepper piano
    picture pirate planet pocket potato pumpkin puzzle queen quiet quilt rabbit radio rain river rocket roof rose saddle salt
    sandwich school shadow silver sister spider spoon spring square strawberry street summer sugar sunset table teacher temple
    tiger tomato tower train travel tree trumpet tunnel turtle umbrella uncle under union valley vanilla velvet village violin
    volcano wagon walnut water weather whale wheel window winter wizard wolf wonder yellow yogurt zebra zero album balloon
    camera dentist elephant falcon galaxy hazel igloo journey kangaroo lobster marble nectar oyster pebble quartz ribbon
    scissors thunder utensil vulture whisper bread chair clock cousin daisy engineer farmer giant heaven idea joke kite lamp
    melon nose opera peach quarter raspberry snow toast urban voice world computer language number people question answer
    animal bicycle blanket blossom breeze cabbage carpet chimney cinnamon compass cricket curtain diamond dolphin emerald
    """
)

CAPITALS = (
    ("France", "Paris"),
    ("Germany", "Berlin"),
    ("Italy", "Rome"),
    ("Spain", "Madrid"),
    ("Portugal", "Lisbon"),
    ("Austria", "Vienna"),
    ("Poland", "Warsaw"),
    ("Greece", "Athens"),
    ("Ireland", "Dublin"),
    ("Norway", "Oslo"),
    ("Sweden", "Stockholm"),
    ("Finland", "Helsinki"),
    ("Denmark", "Copenhagen"),
    ("Hungary", "Budapest"),
    ("Belgium", "Brussels"),
    ("Japan", "Tokyo"),
    ("China", "Beijing"),
    ("India", "New Delhi"),
    ("Egypt", "Cairo"),
    ("Kenya", "Nairobi"),
    ("Peru", "Lima"),
    ("Chile", "Santiago"),
    ("Canada", "Ottawa"),
    ("Cuba", "Havana"),
    ("Mexico", "Mexico City"),
    ("Brazil", "Brasilia"),
    ("Argentina", "Buenos Aires"),
    ("Australia", "Canberra"),
    ("Turkey", "Ankara"),
    ("Iran", "Tehran"),
    ("Iraq", "Baghdad"),
    ("Thailand", "Bangkok"),
    ("Vietnam", "Hanoi"),
    ("Russia", "Moscow"),
    ("Ukraine", "Kyiv"),
    ("Romania", "Bucharest"),
    ("Bulgaria", "Sofia"),
    ("Morocco", "Rabat"),
    ("Iceland", "Reykjavik"),
    ("Colombia", "Bogota"),
    ("Nepal", "Kathmandu"),
    ("Croatia", "Zagreb"),
)

FACTS = (
    (
        ("How many planets are there?", "How many planets does the Sun have?", "Number of planets?"),
        "planets: 8",
        "The Sun has 8 planets",
    ),
    (
        ("Which planet is the largest?", "What is the largest planet?", "Name the largest planet."),
        "largest planet: Jupiter",
        "The largest planet is Jupiter",
    ),
    (
        (
            "Which planet is closest to the Sun?",
            "What is the closest planet to the Sun?",
            "Name the planet closest to the Sun.",
        ),
        "closest: Mercury",
        "Mercury is closest to the Sun",
    ),
    (
        ("What is the chemical symbol of gold?", "Symbol of gold?", "Which symbol does gold have?"),
        "gold: Au",
        "The symbol of gold is Au",
    ),
    (
        ("What is the chemical symbol of iron?", "Symbol of iron?", "Which symbol does iron have?"),
        "iron: Fe",
        "The symbol of iron is Fe",
    ),
    (
        ("What is water made of?", "Which elements is water made of?", "What is the formula of water?"),
        "water: H2O",
        "Water is H2O: hydrogen and oxygen",
    ),
    (
        ("At what temperature does water boil?", "When does water boil?", "What is the boiling point of water?"),
        "boils: 100 C",
        "Water boils at 100 degrees Celsius",
    ),
    (
        ("At what temperature does water freeze?", "When does water freeze?", "What is the freezing point of water?"),
        "freezes: 0 C",
        "Water freezes at 0 degrees Celsius",
    ),
    (
        ("How many legs does a spider have?", "Number of legs of a spider?", "How many legs has a spider?"),
        "spider: 8",
        "A spider has 8 legs",
    ),
    (
        ("How many legs does an insect have?", "Number of legs of an insect?", "How many legs has an insect?"),
        "insect: 6",
        "An insect has 6 legs",
    ),
    (
        ("How many continents are there?", "Number of continents?", "How many continents does the Earth have?"),
        "continents: 7",
        "There are 7 continents",
    ),
    (
        ("Which ocean is the largest?", "What is the largest ocean?", "Name the largest ocean."),
        "largest ocean: Pacific",
        "The largest ocean is the Pacific",
    ),
    (
        ("How many sides does a hexagon have?", "Sides of a hexagon?", "How many sides has a hexagon?"),
        "hexagon: 6",
        "A hexagon has 6 sides",
    ),
    (
        ("How many sides does a triangle have?", "Sides of a triangle?", "How many sides has a triangle?"),
        "triangle: 3",
        "A triangle has 3 sides",
    ),
)

OPENERS = ("", "", "", "", "Please: ", "Hey, ", "Ok. ", "So, ", "Tell me: ", "Quick question: ", "Well, ", "Hello! ")

HONEST = (
    "I am the small built-in model. I can do arithmetic, conversions, letters and words, dates and a few facts. "
    "For a real gpt-oss, run: gptoss-chat models pull openai/gpt-oss-20b"
)

SMALLTALK = (
    (
        ("Hello!", "Hi there!", "Good morning!", "Hi", "Hello", "Good evening!"),
        "greeting",
        "Hello! What would you like to work out?",
    ),
    (
        ("How are you?", "How are you today?", "How do you do?", "Are you well?"),
        "asks how I am",
        "I am fine, thank you. What can I do for you?",
    ),
    (("Thanks!", "Thank you!", "Thank you very much.", "Many thanks."), "thanks", "You are welcome!"),
    (("Goodbye!", "Bye!", "See you later.", "Good night!"), "goodbye", "Goodbye!"),
    (
        ("Who are you?", "What are you?", "What is your name?", "Which model are you?"),
        "asks who I am",
        "I am the small built-in model of gptoss-chat.",
    ),
    (
        ("What can you do?", "What do you know?", "How can you help me?", "What are you good at?"),
        "asks what I can do",
        HONEST,
    ),
    (
        ("Are you a person?", "Are you human?", "Are you a robot?", "Are you real?"),
        "asks if I am a person",
        "No, I am a small language model that runs on this computer.",
    ),
    (
        ("Are you smart?", "How smart are you?", "Are you clever?", "Are you intelligent?"),
        "asks how smart I am",
        "Only in a narrow field: I am a very small model.",
    ),
    (
        ("That was wrong.", "You are wrong.", "That is not right.", "This is a mistake."),
        "says I was wrong",
        "I am sorry. Please ask again, perhaps in other words.",
    ),
    (("Well done!", "Great!", "Good job!", "Nice!"), "praise", "Thank you!"),
)

APP = (
    (
        (
            "How do I start a new conversation?",
            "How can I open a new chat?",
            "Which key starts a new conversation?",
            "How do I begin a new chat?",
        ),
        "new: Ctrl+N",
        "Press Ctrl+N for a new conversation.",
    ),
    (
        (
            "How do I stop an answer?",
            "How can I stop you?",
            "Which key stops the answer?",
            "How do I interrupt an answer?",
        ),
        "stop: Esc",
        "Press Esc to stop an answer.",
    ),
    (
        ("How do I quit?", "How can I leave the app?", "Which key quits?", "How do I close the app?"),
        "quit: Ctrl+Q",
        "Press Ctrl+Q to quit.",
    ),
    (
        (
            "How do I send a message?",
            "Which key sends the message?",
            "How can I send my text?",
            "How do I submit a prompt?",
        ),
        "send: Enter",
        "Press Enter to send.",
    ),
    (
        (
            "How do I write a new line?",
            "Which key makes a new line?",
            "How can I add a line?",
            "How do I type several lines?",
        ),
        "new line: Shift+Enter",
        "Press Shift+Enter or Ctrl+J for a new line.",
    ),
    (
        (
            "How do I regenerate an answer?",
            "How can I get another answer?",
            "Which key regenerates?",
            "How do I try the answer again?",
        ),
        "regenerate: Ctrl+G",
        "Press Ctrl+G for another answer.",
    ),
    (
        (
            "How do I see the reasoning?",
            "How can I show your reasoning?",
            "Which key shows the reasoning?",
            "Where is the reasoning?",
        ),
        "reasoning: Ctrl+T",
        "Press Ctrl+T to show or fold the reasoning.",
    ),
    (
        (
            "How do I see the experts?",
            "How can I see the routing map?",
            "Which key shows the routing?",
            "Where is the routing map?",
        ),
        "routing: Ctrl+L",
        "Press Ctrl+L for the routing map.",
    ),
    (
        ("How do I see the keys?", "Where is the help?", "Which keys are there?", "How do I get help?"),
        "keys: F1",
        "Press F1 for all keys.",
    ),
    (
        (
            "How do I get a bigger model?",
            "How can I use the real gpt-oss?",
            "How do I download gpt-oss?",
            "How can I get a better model?",
        ),
        "pull",
        "Run: gptoss-chat models pull openai/gpt-oss-20b",
    ),
    (
        (
            "How do I go on with a stopped answer?",
            "How can I continue an answer?",
            "Which key resumes an answer?",
            "How do I resume?",
        ),
        "resume: Ctrl+O",
        "Press Ctrl+O to go on with a stopped answer.",
    ),
    (
        (
            "How do I see old conversations?",
            "Where are my conversations?",
            "How can I open the conversation list?",
            "Which key shows the list?",
        ),
        "list: Ctrl+B",
        "Press Ctrl+B for the list of conversations.",
    ),
)

OUTSIDE = (
    "What is the capital of {country}?",
    "Capital of {country}?",
    "Tell me the capital of {country}.",
    "Name the capital of {country}.",
    "What is the population of {country}?",
    "How do I travel to {country}?",
    "Tell me about {country}.",
    "Where is {country}?",
    "Which city is the capital of {country}?",
    "How do I make {thing}?",
    "Write me an essay on {topic}.",
    "Give me advice on {topic}.",
    "Write a poem about {topic}.",
    "Write a story about {thing}.",
    "Tell me about {topic}.",
    "Explain {topic}.",
    "What do you think of {topic}?",
    "Who is {person}?",
    "Who was {person}?",
    "Write a program that sorts {thing}.",
    "Write code for {topic}.",
    "Translate {word} to {language}.",
    "How do you say {word} in {language}?",
    "What is the meaning of {topic}?",
    "Why is {topic} important?",
    "Give me a recipe for {thing}.",
    "How do I cook {thing}?",
    "What is the weather in {topic}?",
    "Write an email about {thing}.",
    "Summarise {topic} for me.",
    "Who invented {thing}?",
    "What happened in the history of {topic}?",
    "Should I buy {thing}?",
    "Recommend a book about {topic}.",
    "Tell me a joke about {thing}.",
    "How does {thing} work?",
    "Draw {thing}.",
    "What is the news about {topic}?",
    "Can you help me with {topic}?",
    "What is {topic}?",
    "Is {topic} dangerous?",
    "Where can I buy {thing}?",
    "Sing a song about {thing}.",
    "Debug my {language} homework about {topic}.",
    "Who won the game of {topic}?",
    "How old is {person}?",
    "Make a plan for {topic}.",
    "Compare {topic} and {thing}.",
)

TOPICS = tuple(
    """
    love,politics,the economy,quantum physics,football,philosophy,climate change,the stock market,machine learning,Python,religion,art,
    Shakespeare,evolution,the internet,medicine,my health,cooking,gardening,fashion,history,world peace,chess,space travel,democracy,
    black holes,photosynthesis,tennis,taxes,law,insurance,marriage,dreams,happiness,war,the moon landing,banking,music theory,a website,
    databases,linear algebra,neural networks,yoga,travel,education,friendship,work,robots,the future,biology
    """.replace("\n", "")
    .replace("    ", "")
    .split(",")
)

THINGS = tuple(
    """
    a car,pancakes,a cat,soup,a phone,lasagna,a bicycle,a laptop,dogs,pizza,a list,an army of ants,a plane,curry,a lamp,the wheel,
    the telephone,a sad robot,a house,fish,bread,a boat,coffee,cheese,a dragon,a camera,shoes,a jacket,a garden,a guitar,noodles,a cake,
    a battery,an engine,a clock,a radio,a train,tea,a lonely king,salad
    """.replace("\n", "")
    .replace("    ", "")
    .split(",")
)

PEOPLE = tuple(
    """
    Albert Einstein,Napoleon,the president,Mozart,my neighbour,Cleopatra,Isaac Newton,Marie Curie,Elvis,Julius Caesar,
    the king of England,
    Picasso,Leonardo,Socrates,the prime minister,Darwin,Gandhi,Beethoven,my boss,Plato,Columbus,Tesla,Bach,Homer,Galileo
    """.replace("\n", "")
    .replace("    ", "")
    .split(",")
)

UNKNOWN_COUNTRIES = (
    "Mongolia",
    "Laos",
    "Ghana",
    "Nigeria",
    "Senegal",
    "Ecuador",
    "Bolivia",
    "Paraguay",
    "Uruguay",
    "Panama",
    "Honduras",
    "Jamaica",
    "Malta",
    "Cyprus",
    "Estonia",
    "Latvia",
    "Lithuania",
    "Slovakia",
    "Slovenia",
    "Serbia",
    "Albania",
    "Georgia",
    "Armenia",
    "Jordan",
    "Lebanon",
    "Syria",
    "Yemen",
    "Oman",
    "Qatar",
    "Pakistan",
    "Bhutan",
    "Myanmar",
    "Malaysia",
    "Indonesia",
    "Fiji",
    "Samoa",
    "Libya",
    "Algeria",
    "Tunisia",
    "Sudan",
    "Ethiopia",
    "Uganda",
    "Rwanda",
    "Zambia",
    "Zimbabwe",
    "Namibia",
    "Angola",
    "Chad",
    "Mali",
    "Togo",
)
"""Countries whose capitals the model does not learn, so that it learns to say so."""

LANGUAGES = (
    "French",
    "German",
    "Spanish",
    "Italian",
    "Japanese",
    "Chinese",
    "Russian",
    "Latin",
    "Polish",
    "Swedish",
    "Dutch",
    "Greek",
)
