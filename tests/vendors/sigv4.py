"""Checks AWS Signature Version 4: botocore signs again what came, and both must agree."""

import datetime
import hashlib
import hmac
import re
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from multidict import CIMultiDictProxy

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
SKEW = datetime.timedelta(minutes=5)


class Unsigned(Exception):
    """Why a signature doesn't hold: the vendor's exception and its words."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind, self.message = kind, message


def verify(
    method: str, url: str, headers: CIMultiDictProxy[str], body: bytes, key: str, region: str, service: str
) -> None:
    """Refuses a request that `key` (`ID:SECRET[:TOKEN]`) has not signed for this service. `url` is as it was sent."""
    id, secret, *token = key.split(":", 2)
    if "authorization" not in headers:
        raise Unsigned("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(headers["authorization"])
    if not found:
        raise Unsigned("IncompleteSignatureException", "Authorization header requires 'Credential' parameter.")
    given_id, day, given_region, given_service, signed, signature = found.groups()
    if given_id != id or headers.get("x-amz-security-token") != (token[0] if token else None):
        raise Unsigned("UnrecognizedClientException", "The security token included in the request is invalid.")
    if (given_region, given_service) != (region, service):
        raise Unsigned("InvalidSignatureException", f"Credential should be scoped to {region} and {service}.")
    names = signed.split(";")
    unsigned = [name.lower() for name in headers if name.lower().startswith("x-amz-") and name.lower() not in names]
    if "host" not in names or unsigned or names != sorted(set(names)):
        raise Unsigned("InvalidSignatureException", f"Signed headers lack {unsigned or 'host'} or are not sorted.")
    digest = hashlib.sha256(body).hexdigest()
    if headers.get("x-amz-content-sha256", digest) != digest:
        raise Unsigned("InvalidSignatureException", "The body is not the one that was signed.")
    stamp = headers.get("x-amz-date", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp) or not stamp.startswith(day):
        raise Unsigned("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.")
    now = datetime.datetime.now(datetime.UTC)
    if abs(now - datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)) > SKEW:
        raise Unsigned("InvalidSignatureException", f"Signature expired: {stamp} is not near {now:%Y%m%dT%H%M%SZ}")
    if not hmac.compare_digest(_again(method, url, headers, body, names, Credentials(id, secret), found), signature):
        raise Unsigned(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
            f"and signing method. The path was {urlsplit(url).path}",
        )


def _again(method, url, headers, body, names, credentials, found) -> str:
    """The signature as botocore makes it of the fields that were signed."""
    signer = SigV4Auth(credentials, found[4], found[3])
    again = AWSRequest(
        method=method, url=url, data=body, headers={name: ",".join(headers.getall(name)) for name in names}
    )
    again.context["timestamp"] = headers["x-amz-date"]
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
