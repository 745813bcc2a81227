"""Templates and fillers of questions outside the field; none may be answerable by another skill.

Knows nothing of how they are combined or of which are held out.
"""

from __future__ import annotations


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


def _commas(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(","))


TEMPLATES = _lines(
    """
    Write an essay on {topic}.
    Write me a poem about {topic}.
    Write a short story about {thing} and {person}.
    Write a song about {thing}.
    Write a letter to {person} about {topic}.
    Write an email to my boss about {topic}.
    Write a speech on {topic} for {person}.
    Write a review of {thing}.
    Write a haiku about {place}.
    Write a report about {topic} in {place}.
    Write an article: {topic} today
    Compose a tweet about {topic}.
    Draft a contract for {thing}.
    Explain {topic}.
    Explain {topic} to me like I am five.
    Explain how {thing} is made.
    Explain the difference between {topic} and {thing}.
    Can you explain {topic} in simple words?
    Describe {place}.
    Describe {topic} in one sentence.
    Tell me about {topic}.
    Tell me everything on {place}.
    Tell me a story about {thing}.
    Tell me a joke about {person}.
    Tell me something interesting about {topic}.
    Translate {word} to {language}.
    Translate this into {language}: I like {thing}.
    How do you say {word} in {language}?
    What does {word} mean in {language}?
    Can you speak {language}?
    Teach me {language}.
    What is the {language} word for {word}?
    Who is {person}?
    Who was {person}?
    Who invented {thing}?
    Who wrote the best book on {topic}?
    Who discovered {topic}?
    Who lives in {place}?
    Who was the first king of {place}?
    Who is the president of {place}?
    Who won the match in {place}?
    Who is richer, {person} or my uncle?
    Whose idea was {topic}?
    Why is {topic} important?
    Why do people like {thing}?
    Why did {person} leave {place}?
    Why does {topic} matter to {person}?
    Why can't I find {thing}?
    Why was {person} so famous?
    How does {thing} work?
    How do I make {thing}?
    How do I cook {thing} for ten people?
    How can I learn {topic}?
    How can I travel to {place}?
    How do I get rid of {thing}?
    How do I repair {thing}?
    How much does {thing} cost?
    How old is {person}?
    How tall is {person}?
    How far is {place} from here?
    How many people live in {place}?
    How did {person} become famous?
    How expensive is {place}?
    How should I prepare for {topic}?
    How would {person} explain {topic}?
    When was {person} born?
    When did {person} die?
    When was {thing} invented?
    When should I visit {place}?
    When did {topic} begin?
    In which year did {person} visit {place}?
    Where is {place}?
    Where can I buy {thing}?
    Where was {person} born?
    Where can I study {topic}?
    Where did I put {thing}?
    Where should I eat in {place}?
    What is {topic}?
    What is the meaning of {topic}?
    What is the history of {topic}?
    What is the population of {place}?
    What is the weather in {place}?
    What is the best way to learn {topic}?
    What is the time in {place}?
    What is the news about {topic}?
    What is the price of {thing} in {place}?
    What happened in {place} yesterday?
    What do you think of {topic}?
    What do you think about {person}?
    What would happen without {topic}?
    What should I cook with {thing}?
    What should I see in {place}?
    What are the rules of {topic}?
    What are the benefits of {topic}?
    What are the causes of {topic}?
    What language do they speak in {place}?
    What did {person} say about {topic}?
    What kind of {thing} should I buy?
    Which is better, {thing} or {topic}?
    Which book on {topic} should I read?
    Which film has {person} in it?
    Which hotel in {place} is good?
    Which wine goes with {thing}?
    Is {topic} dangerous?
    Is {place} worth a visit?
    Is it legal to own {thing} in {place}?
    Is {person} still alive?
    Is {topic} harder than {thing}?
    Are there people who hate {topic}?
    Does {person} like {thing}?
    Do you believe in {topic}?
    Do you like {thing}?
    Did {person} really invent {thing}?
    Should I buy {thing}?
    Should I move to {place}?
    Should I talk to {person} about {topic}?
    Will {topic} change the world?
    Will it rain in {place}?
    Could {person} win against my uncle?
    Can I eat {thing} every day?
    Can you help me with {topic}?
    Can you draw {thing}?
    Can you book a flight to {place}?
    Would you rather have {thing} or {topic}?
    Give me a recipe for {thing}.
    Give me advice on {topic}.
    Give me three ideas for a party with {thing}.
    Give me a summary of {topic}.
    Give me arguments for and against {topic}.
    Recommend a film about {topic}.
    Recommend a restaurant in {place}.
    Suggest a name for {thing}.
    Suggest a gift for {person}.
    Make a plan for a trip to {place}.
    Make a diet plan with {thing}.
    Plan my week around {topic}.
    Compare {topic} with {thing}.
    Compare {place} with the place where {person} lives.
    Summarise {topic} for me.
    Summarise this text: {person} went to {place} and bought {thing}.
    Correct this sentence: {person} have {thing} and like {topic}.
    Rewrite this politely: I do not want {thing}.
    Finish this sentence: once upon a time in {place}
    Continue: {person} opened the door and saw {thing}
    Paraphrase this: {topic} is not for everyone.
    Write a program that simulates {thing}.
    Write a Python function for {topic}.
    Write code that prints {word} in a loop.
    Write SQL that finds {thing}.
    Write a regular expression that matches {word}.
    Debug my program about {topic}.
    Why does my code for {topic} crash?
    def main(): print({word})
    for i in range({n}): print(i)
    import {word}
    git commit -m {word}
    How do I install a library for {topic}?
    What does this error mean: {word} is not defined
    My back hurts after {topic}, what can I do?
    What helps against a cold and {topic}?
    How much should I sleep after {topic}?
    Am I ill if I dislike {thing}?
    Can {thing} make me sick?
    How many calories are in {thing}?
    What is the square root of {n}?
    What is the integral of x to the power of {m}?
    What is the derivative of {n} x squared?
    Solve {m} x + {n} = 0 for x.
    Solve the equation x squared = {n}.
    Is {n} a prime number?
    What are the prime factors of {n}?
    What is {n} to the power of {m}?
    What is the logarithm of {n}?
    What is the sine of {n} degrees?
    What is the factorial of {n}?
    What is the {n}th digit of pi?
    Prove that there are more than {n} primes.
    What is the average age in {place}?
    What is the area of a circle of radius {n}?
    How many stars are there in {place}?
    Convert {n} dollars to euros.
    How many dollars are {n} yen?
    What day of the week is it today?
    Which weekday is today?
    What time is it?
    I like {thing}.
    I feel sad about {topic}.
    I am bored in {place}.
    I need help with {topic}.
    I want to buy {thing}.
    I lost {thing} in {place}.
    My friend talks about {topic} all day.
    My sister is from {place}.
    {person} is my hero.
    {person} once visited {place}.
    {topic} is boring.
    {topic}
    {topic}?
    {thing}
    {person}
    {place}
    {thing} in {place}
    {person} and {topic}
    Let us talk about {topic}.
    Let's play a game about {thing}.
    Pretend to be {person}.
    Imagine {thing} in {place}.
    Act as an expert on {topic}.
    Sing about {thing}.
    Draw {thing}.
    Play some music by {person}.
    Call {person}.
    Search the web for {topic}.
    Open the file about {topic}.
    Remind me to buy {thing}.
    Order {thing} for me.
    Turn off {thing}.
    The weather in {place} was nice, so {person} stayed there.
    People in {place} eat {thing} with their family.
    According to {person}, {topic} will be important for the next {n} years.
    Once there was {thing} that lived in {place}.
    What is the average height of people in {place}?
    What is the average price of {thing}?
    What is the average of {n} students?
    What is the area of a triangle of base {n}?
    What is the area of {place}?
    What is the volume of a ball of radius {n}?
    What is the perimeter of a field of {n} metres?
    What is the cube root of {n}?
    What is the cosine of {n}?
    What is the probability of {m} heads?
    What is the median of {n} people?
    What is the largest prime below {n}?
    What is the greatest common divisor of {n} and {m}?
    What is {n} in hexadecimal?
    What is {m} squared plus {n}?
    What is the temperature in {place}?
    What is the best month to visit {place}?
    What is the longest word about {topic}?
    What is the name of {person}'s wife?
    What is the number of {person}?
    What is the speed of {thing}?
    What is the weight of {thing}?
    What is the colour of {thing}?
    What is the capital city of the moon?
    What is the point of {topic}?
    What is so special about {person}?
    What is wrong with {topic}?
    What is my name?
    What is on television about {topic}?
    What should I do about {topic}?
    What should I wear to {place}?
    What can I do against {topic}?
    What can I cook for {person}?
    What do they eat in {place}?
    What do doctors say about {thing}?
    What did I say to {person}?
    What will happen to {place} in {n} years?
    What makes {thing} so good?
    How much is {thing} in {place}?
    How much should I pay for {thing}?
    How much sugar is in {thing}?
    How much water does {thing} need?
    How much does {person} earn?
    How much time does {topic} take?
    How much is {n} euros in pounds?
    How many books did {person} write?
    How many children does {person} have?
    How many people like {topic}?
    How many {language} words are there?
    How many friends does {person} have?
    How many bones are in {thing}?
    How many goals did {person} score?
    How many hours should I work on {topic}?
    How long does {thing} last?
    How long did {person} live?
    How long is the road to {place}?
    How do I talk to {person}?
    How do I stop thinking about {topic}?
    How do I choose {thing}?
    How do I write about {topic}?
    How do I find {place}?
    How do I become {person}?
    How do you feel about {topic}?
    How does {person} sleep?
    How was the weather in {place}?
    How can we save {place}?
    How hot is it in {place}?
    How deep is the sea near {place}?
    How fast is {thing}?
    How big is {place}?
    Which key opens {thing}?
    Which day is best for {topic}?
    Which month is the best for {place}?
    Which country has the best {thing}?
    Which country invented {topic}?
    Which planet does {person} like?
    Which number did {person} choose?
    Which word describes {topic}?
    Which animal eats {thing}?
    Which city has {thing}?
    Which of them is right about {topic}?
    Spell check my text about {topic}.
    Sort out my problem with {person}.
    Count the people in {place}.
    Count the mistakes of {person}.
    Reverse the effects of {topic}.
    Convert my file on {topic} to text.
    Convert {person} to {topic}.
    Calculate the cost of {thing}.
    Calculate the taxes of {person}.
    Calculate the orbit of {place}.
    Add {thing} to my list.
    Add {person} to the group.
    Divide {thing} fairly.
    Multiply the matrices of {topic}.
    Write a number of facts about {topic}.
    Write {topic} in a nicer way.
    Write the minutes of a talk on {topic}.
    Put {thing} on the table.
    Put me in touch with {person}.
    Name three books by {person}.
    Name the best {thing} in {place}.
    Name a friend of {person}.
    Name all rivers in {place}.
    Tell me the news from {place}.
    Tell me the age of {person}.
    Tell me the name of my teacher in {place}.
    Tell me a secret about {person}.
    Tell me why {topic} matters.
    Tell me how to make {thing}.
    Tell me more about {topic}.
    Correct my {language} homework.
    Correct this text: {person} go to {place}.
    Correct this: {thing} are nice.
    Improve this sentence: {topic} is good for {person}.
    Translate {topic} into {language}.
    Translate the sentence: {person} lives in {place}.
    In {place}, what is {thing} called?
    In your opinion, is {topic} good?
    If {person} had {thing}, what would happen?
    If I eat {thing}, will I be ill?
    After {topic}, what should I learn?
    Before {topic}, what did people do?
    My head hurts because of {topic}.
    My leg hurts, should I see {person}?
    My doctor told me to avoid {thing}.
    My dog ate {thing}.
    My computer crashed during {topic}.
    Our class talked about {topic} today.
    She said that {person} likes {topic}.
    He bought {thing} in {place} for {n} dollars.
    They live in {place} with {n} people.
    The number of people in {place} is {n}.
    Today I learned about {topic}.
    Yesterday {person} came to {place}.
    Tomorrow I go to {place}.
    Is it true that {person} had {thing}?
    Is there life in {place}?
    Is there a key for {thing}?
    Is this the way to {place}?
    Is {thing} bigger than {n} metres?
    Are you a fan of {person}?
    Are you interested in {topic}?
    Do you know {person}?
    Do you know anything about {topic}?
    Do you know the way to {place}?
    Do you think {topic} is useful?
    Do you have {thing}?
    Have you been to {place}?
    Have you read about {topic}?
    Can you see {thing}?
    Can you write about {topic}?
    Can you write code?
    Can you read my file on {topic}?
    Can you recommend {thing}?
    Can you play {thing} for me?
    Could you explain why {person} left {place}?
    Could you write a text about {topic}?
    Would {person} like {place}?
    Please help me understand {topic}.
    I want to know more about {topic}.
    I want to write a book about {person}.
    I would like to visit {place}.
    I would like to cook {thing}.
    I think {topic} is important.
    I do not understand {topic}.
    I love {person}.
    I hate {thing}.
    I have {n} friends in {place}.
    We need {thing} for {person}.
    """
)

TOPICS = _commas(
    """love, politics, the economy, quantum physics, football, philosophy, climate change, the stock market, machine learning, Python,
    religion, art, evolution, the internet, medicine, my health, cooking, gardening, fashion, world peace, chess, space travel,
    democracy, black holes, photosynthesis, tennis, taxes, law, insurance, marriage, dreams, happiness, war, the moon landing, banking,
    music theory, web design, databases, linear algebra, neural networks, yoga, tourism, education, friendship, work, robots,
    the future, biology, gravity, relativity, vaccines, inflation, poetry, opera, sailing, running, meditation, free will, justice,
    ethics, feminism, capitalism, slavery, the Roman Empire, the French Revolution, dinosaurs, volcanoes, earthquakes, the weather,
    electric cars, nuclear power, solar energy, encryption, blockchain, computer games, cinema, theatre, painting, architecture,
    astronomy, chemistry, genetics, psychology, statistics, logic, grammar, the Bible, Buddhism, basketball, cricket matches, swimming,
    cycling, hiking, childhood, old age, loneliness, anger, job interviews, public speaking, startups, marketing, recycling, pollution,
    migration, poverty, the Olympics, artificial intelligence, Bitcoin, Rust, Linux, calculus, topology, jazz"""
)

THINGS = _commas(
    """a car, pancakes, a cat, soup, a phone, lasagna, a bike, a laptop, my dog, pizza, an army of ants, a plane, curry,
    a desk lamp, the wheel, a sad robot, a house, grilled fish, bread, a boat, coffee, cheese, a dragon, a camera,
    shoes, a jacket, a garden, a guitar, noodles, a cake, a battery, an engine, a clock, a radio, a train, tea, a lonely king, salad,
    a printer, a sofa, a fridge, a drone, sushi, tacos, chocolate, a birthday card, a paper boat, a treehouse, a violin, a drum kit,
    a microscope, a telescope, the printing press, the light bulb, penicillin, paper, gunpowder, a submarine, a helicopter, a tractor,
    a wedding dress, sunglasses, a watch, a ring, a tent, a backpack, skis, a skateboard, a kite, a puzzle box, a magic sword, a ghost,
    a vampire, a unicorn, a parrot, a hamster, goldfish, tomatoes, olive oil, an omelette, a smoothie, ice cream, popcorn, a burger,
    fried rice, dumplings, a leaking tap, a broken window, mosquitoes, a stain, a wooden table, a robot vacuum"""
)

PEOPLE = _commas(
    """Albert Einstein, Napoleon, the president, Mozart, my neighbour, Cleopatra, Isaac Newton, Marie Curie, Elvis, Julius Caesar,
    the king of England, Picasso, Leonardo da Vinci, Socrates, the prime minister, Charles Darwin, Gandhi, Beethoven, my boss, Plato,
    Columbus, Nikola Tesla, Bach, Homer, Galileo, Shakespeare, Goethe, Dante, Aristotle, Archimedes, Euclid, Alan Turing, Ada Lovelace,
    Florence Nightingale, Nelson Mandela, Martin Luther King, Abraham Lincoln, George Washington, Queen Victoria, Winston Churchill,
    Charlie Chaplin, Walt Disney, Michael Jackson, Madonna, Bob Dylan, John Lennon, Pele, Muhammad Ali, Serena Williams, Usain Bolt,
    Harry Potter, Sherlock Holmes, Robin Hood, Batman, Hamlet, Zeus, Cinderella, the pope, my teacher, my mother, Jane Austen,
    Mark Twain, Kafka, Tolstoy, Frida Kahlo, Van Gogh, Rembrandt, Michelangelo, Kepler, Copernicus, Pasteur, Freud, Steve Jobs,
    Bill Gates, Linus Torvalds, Grace Hopper, Genghis Khan, Marco Polo, Joan of Arc"""
)

PLACES = _commas(
    """New York, Texas, California, Florida, Hawaii, Alaska, Chicago, Boston, Seattle, Los Angeles, Las Vegas, Toronto, Montreal,
    Vancouver, Sydney, Melbourne, Munich, Hamburg, Barcelona, Seville, Milan, Venice, Florence, Naples, Lyon, Marseille, Bordeaux,
    Geneva, Zurich, Salzburg, Krakow, Edinburgh, Glasgow, Liverpool, Manchester, Oxford, Istanbul, Dubai, Mumbai, Shanghai, Hong Kong,
    Osaka, Kyoto, Bali, Rio, Cape Town, Siberia, Sicily, Crete, Ibiza, Tuscany, Bavaria, Scotland, Wales, Brittany, the Alps, the Andes,
    the Sahara, the Amazon, Antarctica, Lapland, Atlantis, the old town, my village, the museum, the station, the airport, our school,
    the north pole, Central Park, the jungle, a small island, the desert, the library"""
)

LANGUAGES = _commas(
    "French, German, Spanish, Italian, Japanese, Chinese, Russian, Latin, Polish, Swedish, Dutch, Greek, Arabic, Hindi, Korean, Turkish"
)

UNKNOWN_COUNTRIES = _commas(
    """Mongolia, Laos, Senegal, Paraguay, Honduras, Malta, Estonia, Latvia, Slovenia, Albania, Armenia, Yemen, Oman, Bhutan, Myanmar,
    Fiji, Samoa, Uganda, Rwanda, Zambia, Namibia, Angola, Togo, Benin, Gabon, Botswana, Malawi, Belize, Guyana, Suriname, Brunei,
    Moldova, Andorra, Eritrea"""
)
"""Countries whose capitals the model does not learn, so that it learns to say so."""
