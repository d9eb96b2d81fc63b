"""Secrets in what is stored already: found, shown masked, and taken out."""

from recstore.secrets.scanning import Secret, SecretScan, secrets_in_blob, secrets_in_text

__all__ = ["Secret", "SecretScan", "secrets_in_blob", "secrets_in_text"]
