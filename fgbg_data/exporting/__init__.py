"""A dataset is written as other tools expect it: COCO, YOLO, and masks of class indices."""
