"""python -m mia_viz: see mia_viz.cli."""

import sys

from mia_viz.cli import main

sys.exit(main())
