"""Draws, filters, converts and saves in the formats that people use."""

import hashlib
import io

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFilter, ImageFont, ImageOps, features

image = Image.new("RGB", (64, 48), "navy")
draw = ImageDraw.Draw(image)
draw.ellipse((8, 8, 40, 40), fill="gold", outline="white")
draw.text((4, 30), "Text", font=ImageFont.load_default(12), fill="white")
print(hashlib.sha256(image.tobytes()).hexdigest())
for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "ICO", "PDF", "JPEG2000", "AVIF"):
    saved = io.BytesIO()
    image.save(saved, name)
    saved.seek(0)
    print(name, "written" if name == "PDF" else Image.open(saved).format)
print(hashlib.sha256(image.filter(ImageFilter.GaussianBlur(2)).tobytes()).hexdigest())
print(
    ImageOps.exif_transpose(image.rotate(90, expand=True)).size,
    image.resize((8, 8)).getpixel((3, 3)),
)
print(ImageChops.difference(image, ImageOps.mirror(image)).getbbox())
print(ImageCms.getProfileName(ImageCms.createProfile("sRGB")).strip())
print(
    [
        name
        for name in ("freetype2", "littlecms2", "webp", "avif", "jpg_2000")
        if features.check(name)
    ]
)
print(len(Image.registered_extensions()) > 40, sorted(Image.OPEN)[:5])
try:
    Image.open(io.BytesIO(b"no image"))
except Image.UnidentifiedImageError as error:
    print(type(error).__name__)
