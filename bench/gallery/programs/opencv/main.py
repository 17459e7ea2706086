"""Images coded and decoded, filters, features, its data folder, and a video."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

image = np.zeros((120, 160, 3), np.uint8)
cv2.circle(image, (80, 60), 30, (0, 200, 255), -1)
cv2.putText(image, "cv", (5, 110), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
for extension in (".png", ".jpg", ".bmp", ".tiff", ".webp"):
    _, data = cv2.imencode(extension, image)
    print(extension, cv2.imdecode(data, cv2.IMREAD_COLOR).shape)
grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
contours, _ = cv2.findContours(cv2.Canny(grey, 50, 150), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
print(len(contours) > 0, cv2.GaussianBlur(grey, (5, 5), 0).sum() > 0)
keys, descriptors = cv2.ORB_create(50).detectAndCompute(grey, None)
print(len(keys) > 0, descriptors.shape[1])
print(cv2.warpAffine(image, cv2.getRotationMatrix2D((80, 60), 90, 1), (160, 120)).shape)
print(sorted(path.name for path in Path(cv2.data.haarcascades).iterdir())[:3])
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/video.avi"
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 120))
    for _ in range(3):
        writer.write(image)
    writer.release()
    video = cv2.VideoCapture(path)
    print(video.isOpened(), int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), video.read()[0])
print("FFMPEG" in cv2.getBuildInformation(), cv2.getNumThreads() > 0)
try:
    cv2.cvtColor(grey, cv2.COLOR_BGR2GRAY)
except cv2.error as error:
    print(type(error).__name__, error.code)
