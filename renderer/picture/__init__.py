"""How one frame of an ad is laid out and drawn.

timeline.py says what is when; staging.py and layout.py where everything goes, shot_layout.py where it mostly does;
typography.py, fonts.py, linebreak.py, lettering.py and captions.py set text; ground.py, seat.py, packshot.py and
scrims.py make what lies under it; show.py draws every frame with the means of canvas.py.
"""
