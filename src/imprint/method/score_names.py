"""Names of optional scores, of the splits to measure NC1 on, and of the samples to choose the best method on."""

from __future__ import annotations

# optional scores, as columns of frames
VALIDATION, TRAIN, TOP5, LOG_LOSS, CALIBRATION = EXTRA_SCORES = (
    "validation_accuracy",
    "train_accuracy",
    "top5_accuracy",
    "log_loss",
    "calibration_error",
)
# the splits on which neural collapse is measured
NC1_SPLITS = TRAINING_SPLIT, TEST_SPLIT = ("train", "test")
# the samples on which the best of several methods is chosen
ON_TEST, ON_VALIDATION = SELECT_ON = ("test", "validation")
