"""A certificate authority of the tests' own, for servers that speak TLS."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM
SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """`bundle` is the PEM file by which clients trust what it issues."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bundle = folder, folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate("textgate tests", self._key)
        for extension in (x509.BasicConstraints(ca=True, path_length=0), SIGNS):
            certificate = certificate.add_extension(extension, critical=True)
        self.bundle.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(PEM))

    def issue(self, address: str) -> tuple[Path, Path]:
        """Certificate and key, as PEM files, of a server at an IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._certificate(address, key).add_extension(names, critical=False)
        paths = self.folder / f"{address}.pem", self.folder / f"{address}.key"
        paths[0].write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        paths[1].write_bytes(key.private_bytes(PEM, *private))
        return paths

    def _certificate(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "textgate tests")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
