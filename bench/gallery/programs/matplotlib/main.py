"""Charts drawn to PNG, SVG, PDF and PostScript, styles, fonts, mathematics and an animation."""

import hashlib
import io
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import animation, colormaps, font_manager  # noqa: E402

with plt.style.context("ggplot"):
    figure, (left, right) = plt.subplots(1, 2, figsize=(4, 2), layout="constrained")
    left.plot([1, 2, 3], [1, 4, 9], label=r"$x^2 + \frac{\alpha}{2}$")
    left.set_title("Größe")
    left.legend()
    right.imshow([[0, 1], [2, 3]], cmap="viridis")
    figure.canvas.draw()
    print(hashlib.sha256(bytes(figure.canvas.buffer_rgba())).hexdigest())
for kind, start in (
    ("png", b"\x89PNG"),
    ("svg", b"<?xml"),
    ("pdf", b"%PDF"),
    ("eps", b"%!PS"),
    ("jpg", b"\xff\xd8"),
):
    saved = io.BytesIO()
    figure.savefig(saved, format=kind)
    print(kind, saved.getvalue().startswith(start))
axes = plt.figure().add_subplot(projection="3d")
axes.plot_wireframe(
    *(__import__("numpy").meshgrid([0, 1], [0, 1])), __import__("numpy").ones((2, 2))
)
polar = plt.figure().add_subplot(projection="polar")
print(axes.name, polar.name, len(colormaps) > 100, "seaborn-v0_8" in plt.style.available)
print(Path(font_manager.findfont("DejaVu Sans")).name)
with tempfile.TemporaryDirectory() as folder:
    made = animation.FuncAnimation(figure, lambda i: [], frames=2, blit=False)
    made.save(f"{folder}/a.gif", writer="pillow")
    print(Path(folder, "a.gif").read_bytes()[:3])
print(matplotlib.get_backend().lower(), Path(matplotlib.matplotlib_fname()).name)
