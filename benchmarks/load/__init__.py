"""Users at work on the page, by Locust: how many at once, how long, and what they got."""
