"""Sealed audit files with pyca/cryptography (48 or later), from docs/formats.md.

    sealed.py open RECOVERY.key FILE > CLEAR
    sealed.py make RECOVERY.key KMS-ARN NAME < CLEAR > FILE    (the blob is text)
"""

import base64
import hashlib
import os
import struct
import sys

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SUITE = hpke.Suite(hpke.KEM.MLKEM1024_P384, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM)
P384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


def private_key(path):
    """The two keys that a recovery key's 32 bytes stand for, and its id."""
    text = open(path).read().split("-----")[2]
    stream = hashlib.shake_256(base64.b64decode(text)).digest(64 + 48 * 64)
    pq = mlkem.MLKEM1024PrivateKey.from_seed_bytes(stream[:64])
    at = 64
    while not 0 < int.from_bytes(stream[at:at + 48], "big") < P384:
        at += 48
    point = ec.derive_private_key(int.from_bytes(stream[at:at + 48], "big"), ec.SECP384R1())
    public = pq.public_key().public_bytes_raw() + point.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return hpke.MLKEM1024P384PrivateKey(pq, point), hashlib.sha256(public).digest()[:16]


def part(b):
    return struct.pack(">H", len(b)) + b


def make(key, arn, name, clear):
    private, key_id = private_key(key)
    head = b"TRENTSEA\x00\x01\x00\x00" + struct.pack(">Q", len(clear))
    head += part(arn.encode()) + part(name.encode()) + part(b"a ciphertext blob") + key_id
    data_key = os.urandom(32)
    header = head + part(SUITE.encrypt(data_key, private.public_key(), info=head))
    nonce = os.urandom(12)
    return header + nonce + AESGCM(data_key).encrypt(nonce, clear, header)


def opened(key, b):
    private, key_id = private_key(key)
    at = 20
    for _ in range(3):
        at += 2 + struct.unpack_from(">H", b, at)[0]
    if b[:12] != b"TRENTSEA\x00\x01\x00\x00" or b[at:at + 16] != key_id:
        raise SystemExit("another format, or another recovery key")
    at += 16
    end = at + 2 + struct.unpack_from(">H", b, at)[0]
    data_key = SUITE.decrypt(b[at + 2:end], private, info=b[:at])
    return AESGCM(data_key).decrypt(b[end:end + 12], b[end + 12:], b[:end])


if sys.argv[1] == "open":
    sys.stdout.buffer.write(opened(sys.argv[2], open(sys.argv[3], "rb").read()))
else:
    sys.stdout.buffer.write(make(*sys.argv[2:5], sys.stdin.buffer.read()))
