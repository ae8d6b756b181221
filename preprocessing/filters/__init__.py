"""Filters: which images of a source are kept. Every other one is a row with a reason; every filter has a switch.

options.py         the switches, a section of the recipe
select.py          from checks and captions to what is kept, in the order in which the filters speak
caption_rules.py   characters, length and language of captions
near.py            images that look alike, by a perceptual hash
"""
