"""A client of card keys: asks the platform whether a card is good for this machine, believes only what the platform
has signed, and keeps a licence for days without a network.

    pip install cryptography
    curl -o card-keys.json https://cards.example/.well-known/card-keys.json   (once; ship it with your program)
    python3 card_client.py https://cards.example card-keys.json VIP-DEMO123456
"""

import base64
import getpass
import hashlib
import json
import platform
import re
import secrets
import sys
import time
import urllib.error
import urllib.request

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

TIMEOUT_SECONDS = 10


class Forged(Exception):
    """Somebody else than the platform has said this."""


def machine_code():
    """What this machine is known by. It should not change from one start to the next."""
    parts = "|".join([platform.node(), getpass.getuser()])
    return "PC-" + hashlib.sha256(parts.encode()).hexdigest()[:16].upper()


def validate(address, keys, code, machine, product=None):
    """Asks whether a card is good; `code` of the answer is the word to decide by. Raises Forged."""
    nonce = secrets.token_urlsafe(24)
    shown = _shown(code, machine, product)
    status, headers, body = _post(address + "/api/validate", shown, {"X-Nonce": nonce})
    if Ed25519PublicKey:
        _check_proof(status, headers, body, nonce, keys)
    verdict = json.loads(body)
    asked = hashlib.sha256(f"{code}\n{machine}".encode()).hexdigest()
    if verdict["status"] == "success" and verdict.get("asked") != asked:
        raise Forged("this is the answer to another question")
    return verdict


def fetch_licence(address, code, machine, product=None):
    """Gets a licence for a card that is good: a text to be kept in a file."""
    _, _, body = _post(address + "/api/licence", _shown(code, machine, product), {})
    return json.loads(body)["licence"]


def is_licensed(licence, keys, machine, product=None):
    """Whether a licence is good here and now; no network is needed. Raises Forged."""
    head, claims, signature = licence.strip().split(".")
    if json.loads(_decode(head))["alg"] != "EdDSA":
        raise Forged("the licence is forged")
    _verify(keys, json.loads(_decode(head))["kid"], f"{head}.{claims}", _decode(signature))
    claims = json.loads(_decode(claims))
    here = claims["machine_code"] == machine and claims["product"] == product
    return here and claims["exp"] > time.time()


def _shown(code, machine, product):
    shown = {"code": code, "machine_code": machine}
    return {**shown, "product": product} if product else shown


def _post(url, body, headers):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read()


def _check_proof(status, headers, body, nonce, keys):
    """HTTP Message Signatures (RFC 9421) over status, body digest and date, with our nonce among the terms."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    terms = headers.get("Signature-Input", "").removeprefix("card=")
    found = re.search(r';nonce="([^"]*)";keyid="([^"]*)"', terms)
    components = '("@status" "content-digest" "date");'
    if not found or found[1] != nonce or not terms.startswith(components):
        raise Forged("this answer is not the platform's")
    signed = "\n".join(
        [
            f'"@status": {status}',
            f'"content-digest": sha-256=:{digest}:',
            f'"date": {headers.get("Date", "")}',
            f'"@signature-params": {terms}',
        ]
    )
    signature = headers.get("Signature", "").removeprefix("card=:").removesuffix(":")
    _verify(keys, found[2], signed, base64.b64decode(signature))


def _verify(keys, kid, text, signature):
    key = next((one for one in keys["keys"] if one["kid"] == kid), None)
    if key is None:
        raise Forged(f'the key "{kid}" is not among those that came with this program')
    try:
        Ed25519PublicKey.from_public_bytes(_decode(key["x"])).verify(signature, text.encode())
    except InvalidSignature as error:
        raise Forged("this is not the platform's signature") from error


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def main(address, key_file, code):
    with open(key_file, encoding="utf-8") as file:
        keys = json.load(file)
    machine = machine_code()
    verdict = validate(address, keys, code, machine)
    print(verdict["code"], verdict["message"], verdict.get("expire_at") or "")
    if not Ed25519PublicKey:
        print("not proven: pip install cryptography", file=sys.stderr)
    elif verdict["code"] == "VALID":
        licence = fetch_licence(address, code, machine)
        print("licensed:", is_licensed(licence, keys, machine))
    return 0 if verdict["code"] == "VALID" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
