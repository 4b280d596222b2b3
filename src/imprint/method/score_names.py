"""Names of optional scores, of the splits to measure NC1 on, and of the samples to choose the best method on."""

from __future__ import annotations

# optional scores, as columns of frames
VALIDATION = "validation_accuracy"
TRAIN = "train_accuracy"
TOP5 = "top5_accuracy"
LOG_LOSS = "log_loss"
CALIBRATION = "calibration_error"
EXTRA_SCORES = (VALIDATION, TRAIN, TOP5, LOG_LOSS, CALIBRATION)

# the splits on which neural collapse is measured
TRAINING_SPLIT = "train"
TEST_SPLIT = "test"
NC1_SPLITS = (TRAINING_SPLIT, TEST_SPLIT)

# the samples on which the best of several methods is chosen
ON_TEST = "test"
ON_VALIDATION = "validation"
SELECT_ON = (ON_TEST, ON_VALIDATION)
