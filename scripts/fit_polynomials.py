#!/usr/bin/env python3
"""Prints the coefficients of backends/formulas/normal_tail.h, core/logarithm.h and core/normal.h (needs mpmath, takes a second).

Each is the polynomial in v of [-1, 1] through Chebyshev's points, written in powers of v or of what v stands for.
"""
from mpmath import atanh, cos, erfc, exp, mp, mpf, nstr, pi, sin, sqrt

mp.dps = 60


def normal_tail(v):
    """Q(t) / s with Q(t) = e^(t^2 / 2) * P(X > t) for a standard normal X and t >= 0, s = 1 / (1 + 0.3 t) and v = 2 s - 1."""
    s = (v + 1) / 2
    z = (1 / s - 1) / mpf("0.3") / sqrt(mpf(2))
    return exp(z * z) * erfc(z) / 2 / s


WIDEST = (3 - 2 * sqrt(mpf(2))) ** 2  # s^2 of s = f / (2 + f), for 1 + f = sqrt(2)


def logarithm(v):
    """(ln((1 + s) / (1 - s)) / s - 2) / s^2 of z = s^2 in [0, WIDEST], v = 2 z / WIDEST - 1."""
    s = sqrt((v + 1) / 2 * WIDEST)
    return (2 * atanh(s) / s - 2) / (s * s)


def cosine_of_turns(v):
    """(sin(2 pi t) / t - 4) / w of w = 1 / 16 - t^2 in [0, 1 / 16], v = 32 w - 1."""
    w = (v + 1) / 32
    t = sqrt(mpf(1) / 16 - w)
    return (sin(2 * pi * t) / t - 4) / w


def powers_of_v(function, count):
    """Coefficients of 1, v, v^2, ... of the polynomial through `count` points."""
    points = [cos(pi * (k + mpf(1) / 2) / count) for k in range(count)]
    values = [function(v) for v in points]
    total, before, now = [mpf(0)] * count, [mpf(0)] * count, [mpf(1)] + [mpf(0)] * (count - 1)
    for j in range(count):  # `now` is Chebyshev's polynomial T_j
        angles = [cos(pi * j * (k + mpf(1) / 2) / count) for k in range(count)]
        c = sum(f * a for f, a in zip(values, angles)) * (1 if j == 0 else 2) / count
        total = [t + c * n for t, n in zip(total, now)]
        following = [(1 if j == 0 else 2) * n for n in [mpf(0)] + now[:-1]]
        before, now = now, [f - (0 if j == 0 else b) for f, b in zip(following, before)]
    return total


def powers_of_z(coefficients, scale):
    """The same polynomial by powers of z, for v = scale * z - 1."""
    result = [mpf(0)] * len(coefficients)
    for c in reversed(coefficients):  # Horner's scheme, with result * (scale * z - 1) + c
        result = [scale * low - high for low, high in zip([mpf(0)] + result[:-1], result)]
        result[0] += c
    return result


if __name__ == "__main__":
    counts = {  # digits and coefficients of each type
        "normal_tail": (("float", 10, 11), ("double", 18, 27)),
        "logarithm": (("float", 10, 3), ("double", 18, 7)),
        "cosine_of_turns": (("double", 18, 8),),
    }
    for title, fit in (
        ("normal_tail", lambda n: powers_of_v(normal_tail, n)),
        ("logarithm", lambda n: powers_of_z(powers_of_v(logarithm, n), 2 / WIDEST)),
        ("cosine_of_turns", lambda n: powers_of_z(powers_of_v(cosine_of_turns, n), mpf(32))),
    ):
        for name, digits, count in counts[title]:
            print(f"{title}, {name}:", ", ".join(nstr(c, digits, strip_zeros=False) for c in fit(count)))
