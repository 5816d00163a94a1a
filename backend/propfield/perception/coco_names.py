"""The 80 categories of COCO's instance annotations, in the order in which detectors number them."""

COCO_80 = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse",
    "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie",
    "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove",
    "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon",
    "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
    "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse",
    "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book",
    "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip

_OTHER_NAMES = {
    "motorbike": "motorcycle", "aeroplane": "airplane", "sofa": "couch", "pottedplant": "potted plant",
    "diningtable": "dining table", "tvmonitor": "tv", "tv monitor": "tv", "hair dryer": "hair drier",
    "cellphone": "cell phone", "mobile phone": "cell phone", "doughnut": "donut", "bike": "bicycle",
    "hand bag": "handbag", "surf board": "surfboard", "skate board": "skateboard", "snow board": "snowboard",
    "baseball mitt": "baseball glove", "tennis racquet": "tennis racket",
}  # fmt: skip


def coco_name(label: str) -> str:
    """A detector's label as COCO writes it, in lower case; labels that COCO does not know stay as they are.
    Detectors trained on COCO with Pascal VOC's words call a couch a sofa."""
    name = " ".join(label.replace("_", " ").lower().split())
    return _OTHER_NAMES.get(name, name)
