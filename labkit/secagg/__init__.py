"""Secure aggregation: from the messages a server learns a sum of vectors, and nothing else of them.

The protocol of Bonawitz et al. 2017 (IACR ePrint 2017/281) with double masking, signed keys and
confirmed survivors, also on the k-regular graphs of Bell et al. 2020 (IACR ePrint 2020/704).
`secure_sum` says against which servers and colluders.
"""

from labkit.secagg.client import Client, Refused
from labkit.secagg.encoding import FixedPoint
from labkit.secagg.graph import all_pairs, regular
from labkit.secagg.keys import PrivateKey
from labkit.secagg.noise import NoisyEncoding
from labkit.secagg.prg import expand
from labkit.secagg.round import Round, secure_sum
from labkit.secagg.server import Server
from labkit.secagg.shamir import TooFewShares, recover, share

__all__ = [
    "Client",
    "FixedPoint",
    "NoisyEncoding",
    "PrivateKey",
    "Refused",
    "Round",
    "Server",
    "TooFewShares",
    "all_pairs",
    "expand",
    "recover",
    "regular",
    "secure_sum",
    "share",
]
