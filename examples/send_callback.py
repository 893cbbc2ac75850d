"""A customer's system: sign a decision on a proof as Standard Webhooks says, and send it until it is taken.

Python 3.11 is all it needs; the libraries of https://www.standardwebhooks.com sign the same way. The secret
comes from the environment, so that it stands in no list of processes.

    COUNTERSIGN_CALLBACK_SECRET=whsec_… python examples/send_callback.py --url http://127.0.0.1:8000 \
        --color-up 7b0f0d9e-5b1c-4a53-9f59-0f8f4b1c2d3e --decision approve --email jo@hansen.example
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

PATH = "/callbacks/customer-approval"
# What passes: try these again, with the same id. Any other answer is final.
TRY_AGAIN = {429, 500, 502, 503, 504}


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The key is the secret's base64; signed are id, time and the very bytes that are sent."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b".".join([webhook_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def send(url: str, secret: str, webhook_id: str, body: bytes) -> tuple[int, str]:
    """One try: status and body of the answer. The time is that of the try, the id that of the message."""
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }
    request = Request(url + PATH, data=body, headers=headers, method="POST")  # noqa: S310 - the caller's own address
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def send_until_taken(url: str, secret: str, webhook_id: str, body: bytes, tries: int) -> int:
    """Exit status: 0 taken, 1 refused, 2 nobody answered."""
    for number in range(tries):
        if number:
            time.sleep(min(2**number, 60))
        try:
            status, text = send(url, secret, webhook_id, body)
        except (URLError, TimeoutError, ConnectionError) as error:
            print(f"no answer: {error}", file=sys.stderr)
            continue
        print(status, text)
        if status not in TRY_AGAIN:
            return 0 if status == 202 else 1
    return 2


def main() -> int:
    parser = argparse.ArgumentParser(description="Tell Countersign what a customer's approver decided.")
    parser.add_argument("--url", required=True, help="where the API is, such as https://orders.example.com")
    parser.add_argument("--color-up", required=True, help="the color-up that was shown to the approver")
    parser.add_argument("--decision", required=True, choices=["approve", "request_changes"])
    parser.add_argument("--email", required=True, help="of the approver, as Countersign knows it")
    parser.add_argument("--comment", help="what to change; request_changes needs it")
    parser.add_argument("--id", default=f"msg_{uuid.uuid4().hex}", help="repeat a message under its own id")
    parser.add_argument("--tries", type=int, default=5)
    given = parser.parse_args()
    secret = os.environ.get("COUNTERSIGN_CALLBACK_SECRET", "")
    if not secret:
        print("COUNTERSIGN_CALLBACK_SECRET: set it to the secret, whsec_…", file=sys.stderr)
        return 2
    said = {
        "color_up_id": given.color_up,
        "decision": given.decision,
        "approver_email": given.email,
        "comment": given.comment,
    }
    body = json.dumps(said, ensure_ascii=False).encode()
    return send_until_taken(given.url, secret, given.id, body, given.tries)


if __name__ == "__main__":
    sys.exit(main())
