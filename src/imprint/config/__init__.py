"""The study as configured: typed models, reading and checking, and the jobs that follow from it."""

from imprint.config.load import load, load_for_workflow
from imprint.config.models import StudyConfig
from imprint.config.read import ConfigError
from imprint.config.study import Study
from imprint.config.tasks import Task
from imprint.presets import PRESETS, Preset

__all__ = ["PRESETS", "ConfigError", "Preset", "Study", "StudyConfig", "Task", "load", "load_for_workflow"]
