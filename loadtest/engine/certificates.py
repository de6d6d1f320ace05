"""To come."""


class CertificateStore:
    """To come."""
