"""Learn every night at three, in the background, while the program goes on answering."""

import os
import tempfile

from slowwave import Memory, Settings

names = {"model": "SLOWWAVE_MODEL", "embedder": "SLOWWAVE_EMBEDDER"}
settings = Settings.checked(**{dial: os.environ[name] for dial, name in names.items() if name in os.environ})

with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings) as memory:
    memory.start(schedule="0 3 * * *")  # cron, local time; one night at a time, missed ones rolled into one
    memory.add("My dentist is Dr. Okafor.", user_id="ada")
    print("next night at", f"{memory.next_night:%H:%M}")
    print("meanwhile:", memory.search("dentist", user_id="ada", k=1)[0].text)
    memory.stop()
