"""Arithmetic worked a digit at a time: one form for each operation, wherever a skill needs it.

Steps of one operation are equally long and the ones come first, so that each step copies from places that are always equally far
away. Knows nothing of questions.
"""

from __future__ import annotations


def add_working(a: int, b: int) -> str:
    """Column addition: the two digits, the carry, and their sum of two digits: `48+25: 8+5+0=13 4+2+1=07 =73`."""
    width = max(len(str(a)), len(str(b)))
    left, right = f"{a:0{width}d}", f"{b:0{width}d}"
    carry, steps = 0, []
    for x, y in zip(reversed(left), reversed(right), strict=True):
        total = int(x) + int(y) + carry
        steps.append(f"{x}+{y}+{carry}={total:02d}")
        carry = total // 10
    return f"{left}+{right}: {' '.join(steps)} ={a + b}"


def sub_working(a: int, b: int) -> str:
    """Column subtraction, a >= b: the two digits, the borrow, then the next borrow and the digit: `43-25: 3-5-0=18 4-2-1=01 =18`."""
    width = len(str(a))
    right = f"{b:0{width}d}"
    borrow, steps = 0, []
    for x, y in zip(reversed(str(a)), reversed(right), strict=True):
        value = int(x) - int(y) - borrow
        steps.append(f"{x}-{y}-{borrow}={int(value < 0)}{value % 10}")
        borrow = int(value < 0)
    return f"{a}-{right}: {' '.join(steps)} ={a - b}"


def mul_working(a: int, b: int) -> str:
    """Product by one digit: `48*7: 8*7=56+0=56 4*7=28+5=33 =336`; two digits by two take two of these and a sum."""
    if b >= 10 > a:
        return mul_working(b, a)
    if b >= 10:
        tens, ones = b // 10, b % 10
        added = add_working(a * tens * 10, a * ones)
        return f"{a}*{b}; {mul_working(a, ones)}; {mul_working(a, tens)}; {added}"
    carry, steps = 0, []
    for digit in reversed(str(a)):
        product = int(digit) * b
        total = product + carry
        steps.append(f"{digit}*{b}={product:02d}+{carry}={total:02d}")
        carry = total // 10
    return f"{a}*{b}: {' '.join(steps)} ={a * b}"


def div_working(a: int, b: int) -> str:
    """Long division by up to 10, the highest digit first: `85/7: 08/7=1r1 15/7=2r1 =12 r1`."""
    rest, steps = 0, []
    for digit in str(a):
        value = rest * 10 + int(digit)
        steps.append(f"{value:02d}/{b}={value // b}r{value % b}")
        rest = value % b
    return f"{a}/{b}: {' '.join(steps)} ={a // b}" + (f" r{rest}" if rest else "")


def compute(a: int, sign: str, b: int) -> tuple[str, int, str]:
    """Working, result and check by the inverse operation of a sum, difference, product or quotient (its whole part).

    There is no check where the inverse is longer than a digit at a time.
    """
    match sign:
        case "+":
            return add_working(a, b), a + b, sub_working(a + b, b)
        case "-" if a < b:
            return f"{a}-{b}=-({b}-{a}); {sub_working(b, a)}; {a - b}", a - b, add_working(b - a, a)
        case "-":
            return sub_working(a, b), a - b, add_working(a - b, b)
        case "*":
            big, small = (b, a) if b >= 10 > a else (a, b)
            return mul_working(a, b), a * b, div_working(big * small, small) if 2 <= small < 10 else ""
        case _:
            whole, rest = divmod(a, b)
            check = mul_working(whole, b) if b < 10 else ""
            if check and rest:
                check = f"{check}; {add_working(whole * b, rest)}"
            return div_working(a, b), whole, check
