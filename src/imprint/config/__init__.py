"""The study as configured: typed models, reading and checking, and the jobs that follow from it."""

from imprint.config.models import StudyConfig
from imprint.config.presets import PRESETS, Preset
from imprint.config.read import ConfigError
from imprint.config.study import Study, Task, load, load_for_workflow

__all__ = ["PRESETS", "ConfigError", "Preset", "Study", "StudyConfig", "Task", "load", "load_for_workflow"]
