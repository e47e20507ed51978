"""Entry point of ``python -m redcore``."""

import sys

from redcore.cli import main

sys.exit(main())
