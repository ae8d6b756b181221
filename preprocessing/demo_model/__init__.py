"""The demo model: a small CLIP trained from scratch on drawn scenes, its 32-d heads, and how good they are."""
