"""AWS Trainium in software. JAX scripts run on it unchanged; this module says what the chip would have done."""

from trainstone.export import export
from trainstone.library import last_run, version

__version__ = "0.1.0"
__all__ = ["export", "last_run", "version"]
