"""From a folder of recordings (wav, txt, png) to a served prediction for a new recording and a new text."""

import base64
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image
from scipy.io import wavfile

folder, rng = Path("recordings"), np.random.default_rng(0)
folder.mkdir()
for k in range(60):  # happy recordings have a higher pitch, other words and a brighter picture
    happy, name = k % 2, folder / f"s{k}"
    tone = np.sin(2 * np.pi * (130 + 60 * happy + rng.normal(0, 20)) * np.arange(8000) / 16000)
    wavfile.write(f"{name}.wav", 16000, (8000 * tone + rng.normal(0, 300, 8000)).astype("<i2"))
    name.with_suffix(".txt").write_text(f"what a {rng.choice([['sad', 'dull'], ['nice', 'good']][happy])} day")
    if k % 3:  # the picture of a third of the samples is missing
        Image.fromarray(rng.integers(0, 128 + 90 * happy, (64, 64, 3), dtype=np.uint8)).save(f"{name}.png")
labels = [f"s{k},{'happy' if k % 2 else 'sad'},{'test' if k >= 45 else 'train'}" for k in range(60)]
Path("labels.csv").write_text("\n".join(["id,label,split", *labels]))
redcore = [sys.executable, "-m", "redcore"]
extract = "extract recordings --audio egemaps --text tfidf --image colour --labels labels.csv --out store"
for command in (extract, "fit store --out run --preset fast"):
    subprocess.run([*redcore, *command.split()], check=True)
service = subprocess.Popen([*redcore, "serve", "run", "--port", "8766"])
sample = {"audio": base64.b64encode((folder / "s59.wav").read_bytes()).decode(), "text": "a nice day"}  # no picture
body = json.dumps({"samples": [sample]}).encode()
try:
    while socket.socket().connect_ex(("127.0.0.1", 8766)) and service.poll() is None:
        time.sleep(0.1)  # wait until the service listens
    print(json.load(urlopen(Request("http://127.0.0.1:8766/predict", body, {"Content-Type": "application/json"}))))
finally:
    service.terminate()
