"""The rings that the parties compute in, and whether they are safe and large enough."""

import math
from dataclasses import dataclass
from functools import cached_property

# Largest log2 of the ciphertext modulus for 128-bit security against classical attacks, by ring
# degree, with ternary secrets: Homomorphic Encryption Standard (IACR ePrint 2019/939), Table 1.
# tf-shell's secrets are drawn from the wider error distribution, which is no weaker.
LOG2_Q_128 = {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881}

# The standard's errors have a standard deviation of 8/√(2π) = 3.19; tf-shell's default variance, 8,
# is less, so we ask for the next integer.
NOISE_VARIANCE = 11

# Sums of many small errors are taken to stay within this many standard deviations: a Gaussian
# leaves them with probability 2·10⁻¹², and a batch has about 10⁷ coefficients.
TAIL = 7.0

# How much of ±q/2 the noise may fill; the rest is for what a bound rounds off.
FILLED = 0.9


class WrongParameters(ValueError):
    """The parameters cannot do what is asked; the message says which numbers show it."""


def is_prime(n: int) -> bool:
    """Miller–Rabin with the bases that make it exact below 3.3·10²⁴ (Sorenson & Webster 2015)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    if n < 2 or any(n % p == 0 for p in bases):
        return n in bases
    odd = (n - 1) >> (twos := ((n - 1) & (1 - n)).bit_length() - 1)
    for base in bases:
        power = pow(base, odd, n)
        if power not in (1, n - 1) and not any(
            (power := power * power % n) == n - 1 for _ in range(twos - 1)
        ):
            return False
    return True


def ntt_primes(bits: float, step: int, count: int = 1) -> list[int]:
    """Return the `count` largest primes below 2^bits that are 1 modulo `step`."""
    found: list[int] = []
    candidate = (int(2**bits) - 2) // step * step + 1
    while len(found) < count:
        if candidate <= step:
            raise WrongParameters(
                f"There are not {count} primes below 2^{bits} that are 1 modulo {step}: take a "
                "smaller ring or a larger modulus."
            )
        if is_prime(candidate):
            found.append(candidate)
        candidate -= step
    return found


@dataclass(frozen=True)
class RingParameters:
    """One BGV ring: Z_q[X]/(X^N + 1), whose plaintexts are N numbers modulo t.

    Attributes:
        log_n: log2 of the ring degree N, which is also the number of slots.
        moduli: the primes whose product is q.
        plaintext_modulus: the prime t.
    """

    log_n: int
    moduli: tuple[int, ...]
    plaintext_modulus: int

    @property
    def degree(self) -> int:
        """N."""
        return 1 << self.log_n

    @cached_property
    def modulus(self) -> int:
        """q."""
        return math.prod(self.moduli)

    @property
    def log2_q(self) -> float:
        """log2 of q."""
        return math.log2(self.modulus)

    def check(self) -> None:
        """Refuse a ring that is insecure or that tf-shell cannot compute in.

        Raises:
            WrongParameters: q is more than 128-bit security allows at this degree, a modulus is no
                prime that is 1 modulo 2N, or there are several and one is not 1 modulo t.
        """
        n, t = self.degree, self.plaintext_modulus
        allowed = LOG2_Q_128.get(n)
        if allowed is None:
            raise WrongParameters(f"The security table has no ring of degree {n}.")
        if self.log2_q > allowed:
            raise WrongParameters(
                f"q has {self.log2_q:.1f} bits, but at ring degree {n} 128-bit security allows "
                f"{allowed}: take a smaller q or a larger ring."
            )
        for name, value in (("t", t), *(("q", q) for q in self.moduli)):
            if value % (2 * n) != 1 or not is_prime(value):
                raise WrongParameters(
                    f"{name} = {value} must be a prime that leaves 1 when divided by 2N = {2 * n}; "
                    f"it leaves {value % (2 * n)}, and is {'' if is_prime(value) else 'not '}prime."
                )
        if len(self.moduli) > 1 and any(q % t != 1 for q in self.moduli):
            raise WrongParameters(
                f"With several moduli each must be 1 modulo t = {t}: {list(self.moduli)} leave "
                f"{[q % t for q in self.moduli]}."
            )

    def noise_room(self) -> float:
        """Return how far message and noise together may get from 0: a little less than q/2."""
        return FILLED * self.modulus / 2


def small_ring(plaintext_modulus: int) -> RingParameters:
    """The ring of degree 2048 with the 54 bits that 128-bit security allows it."""
    return RingParameters(11, tuple(ntt_primes(54, 1 << 12)), plaintext_modulus)


def large_ring(plaintext_modulus: int) -> RingParameters:
    """The ring of degree 4096 with two primes of 54 bits: room to flood the noise."""
    primes = ntt_primes(54, plaintext_modulus << 13, 2)
    return RingParameters(12, tuple(primes), plaintext_modulus)


@dataclass(frozen=True)
class Parameters:
    """What both parties agree on before they start: public.

    Attributes:
        batch: examples a batch; a divisor of the first ring's number of slots.
        parts: into how many gradients a batch is split, one optimizer step each.
        features: columns of the features party's data that may be other than 0.
        hidden: units of the hidden layer.
        classes: units of the output layer.
        plaintext_modulus: the prime t, 1 modulo both rings' 2N.
        circuit_private: both rounds in the large ring, where the noise is flooded by 2^51 or
            more; otherwise the second round is in the small one, where the default sizes leave
            2^15.2: over an epoch no bound (see `FeaturesParty.leakage`).
    """

    batch: int = 2048
    parts: int = 2
    features: int = 784
    hidden: int = 64
    classes: int = 10
    plaintext_modulus: int = 4169729
    circuit_private: bool = False

    @cached_property
    def rings(self) -> tuple[RingParameters, RingParameters]:
        """The rings of round 1 and of round 2."""
        first = large_ring(self.plaintext_modulus)
        return first, first if self.circuit_private else small_ring(self.plaintext_modulus)

    def check(self) -> None:
        """Refuse what cannot work, before anything is encrypted.

        Raises:
            WrongParameters: with the numbers that show why.
        """
        for ring in self.rings:
            ring.check()
        slots = self.rings[0].degree
        if slots % self.batch:
            raise WrongParameters(
                f"The first ring has {slots} slots, one for each example: a batch of {self.batch} "
                f"does not divide them. Take {slots} or {slots // 2}."
            )
        if self.batch % self.parts:
            raise WrongParameters(
                f"A batch of {self.batch} cannot be split into {self.parts} equal parts."
            )
