"""This folder is an nbgrader course: run `nbgrader` here, and see README.md."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it runs `alembic`

from nbgrader.converters import Autograde  # noqa: E402
from nbgrader.preprocessors import SaveAutoGrades  # noqa: E402
from sqlalchemy.exc import SAWarning  # noqa: E402

from autograder.classroom.collecting import CheckedExtractor  # noqa: E402
from autograder.classroom.judged_points import JudgedPoints, RestoredCells  # noqa: E402
from autograder.judge.exercises import find_parts  # noqa: E402

# nbgrader adds objects in an order that SQLAlchemy 2 remarks on; what it writes is right.
warnings.filterwarnings("ignore", message="Object of type .* not in session", category=SAWarning)

c = get_config()  # noqa: F821  # traitlets gives it

c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "sfratorch"

# The learner's files stay beside the notebook while it runs; everything else of the assignment is put back.
c.Autograde.exclude_overwriting = {
    part.short_name: [f"{part.name}/{file}" for file in part.files] for part in find_parts()
}
c.Execute.timeout = 300
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]  # not that it listens on ports

# What is not the learner's is put back first; the judge's points come between execution and saving.
traits = Autograde.class_traits()
c.Autograde.sanitize_preprocessors = [RestoredCells, *traits["sanitize_preprocessors"].default()]
steps = list(traits["autograde_preprocessors"].default())
steps.insert(steps.index(SaveAutoGrades), JudgedPoints)
c.Autograde.autograde_preprocessors = steps

c.ZipCollectApp.extractor_plugin = CheckedExtractor
c.FileNameCollectorPlugin.named_regexp = r".*[/\\]extracted[/\\](?P<student_id>[^/\\]+)[/\\](?P<file_id>.+)\.\w+$"
c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py"]
