"""The benchmark page: `python -m mia_viz.speed --page docs/speed.md` measures, draws and writes it.

    sections (engine.py, processes.py) --plain numbers--> speed.json --> plots.py, page.py

Every section is kept as soon as it is measured, so a run that was stopped goes on with the next section.
"""
