"""Check your part of Lianhui's proof without Lianhui's code: python3 verify_proof.py proof.json reserve.json"""

import json
import sys
from hashlib import sha256
from pathlib import Path

proof, reserve = (json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:3])


def number(value):
    assert type(value) is int and 0 <= value < 2**63, "a sum is negative or no number"
    return value.to_bytes(8, "big")


salt = bytes.fromhex(proof["salt"])
assert len(salt) == 16, "the salt has another length"
digest = sha256(b"\x00" + salt + number(proof["wallet"]) + number(proof["balance"])).digest()
total = proof["balance"]
for step in proof["path"]:
    here, beside = digest + number(total), bytes.fromhex(step["hash"]) + number(step["sum"])
    digest = sha256(b"\x01" + (beside + here if step["side"] == "left" else here + beside)).digest()
    total += step["sum"]
day = next((day for day in reserve["days"] if day["on"] == proof["on"]), None)
if day is None or (digest.hex(), total) != (day["root"], day["total_points"]):
    sys.exit(f"NOT PROVED: this leads to {digest.hex()} and {total} points, published is {day}")
print(f"proved: {proof['balance']} points of wallet {proof['wallet']} are among the {total} published on {proof['on']}")
